"""gradtui.log() takes whatever a script hands it, and never raises into the script."""

from __future__ import annotations

import csv
import errno
import os
import signal
import stat
import threading
import time
import warnings
from pathlib import Path

import pytest
import torch

import gradtui
from gradtui import private
from gradtui.compare.logged_scalars import MOST_TOLD, Scalars
from gradtui.compare.run_notes import Notes
from gradtui.printing import printable
from gradtui.runs.folder import RunFolder
from gradtui.runs.safe_open import printable_lines
from gradtui.runs.scalars import LONGEST_NAME, ScalarsTail
from tests.hostile_text import EVIL, HOSTILE, leaks


class Run:
    """One side's scalars and notes, in a folder of this test."""

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.notes = Notes(self.folder.notes("side"))
        self.scalars = Scalars(self.folder, "side", lambda: 7, self.notes.add)

    def log(self, **scalars: object) -> None:
        self.scalars.log(scalars)

    @property
    def told(self) -> list[str]:
        path = self.folder.notes("side")
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def rows(self) -> list[tuple[str, str]]:
        with open(self.folder.scalars_csv("side"), encoding="utf-8", newline="") as file:
            return [(row["name"], row["value"]) for row in csv.DictReader(file)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


class Raises:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __float__(self) -> float:
        raise self.error


class Metaclass(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class Nameless(metaclass=Metaclass):
    pass


class Endless:
    def __float__(self) -> float:
        return float(self)


class Custom(BaseException):
    pass


NO_NUMBERS = {
    "400 digits": 10**400,
    "text": "x",
    "None": None,
    "complex": 1j,
    "several elements": torch.ones(3),
    "no element": torch.ones(0),
    "meta device": torch.ones(1, device="meta"),
    "list": [1.0],
    "an error": Raises(KeyError("\x1b]0;evil\x07")),
    "an error without a reason": Raises(Custom()),
    "memory": Raises(MemoryError()),
    "endless": Endless(),
    "nameless": Nameless(),
    "a class": Nameless,
}


@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_number_is_noted_once_and_the_others_are_recorded(value: object, run: Run) -> None:
    for _ in range(3):
        run.log(good=1, bad=value)
    assert len(run.told) == 1
    assert "gradtui.log(" in run.told[0]
    assert not leaks(run.told[0])
    if type(value) is not Nameless:
        assert run.rows == [("good", "1.0")] * 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_ends_it(error: type[BaseException], run: Run) -> None:
    with pytest.raises(error):
        run.log(bad=Raises(error()))


NUMBERS = {
    "bool": (True, "1.0"),
    "nan": (float("nan"), "nan"),
    "infinity": (-float("inf"), "-inf"),
    "tensor": (torch.tensor([[0.5]]), "0.5"),
    "integers": (torch.tensor(3), "3.0"),
    "requires a gradient": (torch.tensor(0.5, requires_grad=True), "0.5"),
    "of a graph": (torch.tensor(0.5, requires_grad=True) * 2, "1.0"),
    "bfloat16": (torch.tensor(0.5, dtype=torch.bfloat16), "0.5"),
}


@pytest.mark.parametrize(("value", "text"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_recorded_without_a_warning(value: object, text: str, run: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.log(value=value)
    assert run.rows == [("value", text)]
    assert run.told == []


@pytest.mark.parametrize(
    "name", [*HOSTILE.values(), "a\nb", 'a"b,c', "", "accuracy"], ids=[*HOSTILE, "line feed", "csv", "empty", "plain"]
)
def test_a_name_is_recorded_printable(name: str, run: Run) -> None:
    run.log(**{name: 1})
    run.log(**{name: "x"})
    lines = run.folder.scalars_csv("side").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert len(run.told) == 1
    assert not leaks("".join(lines + run.told))
    charted = ScalarsTail(run.folder.scalars_csv("side")).read()
    assert [scalar.value for scalar in charted] == [1.0] * (0 < len(printable(name)) <= LONGEST_NAME)


class Odd(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError

    __format__ = __repr__ = __str__  # type: ignore[assignment]


def test_a_name_that_is_no_plain_string_does_not_raise(run: Run) -> None:
    run.log(**{Odd("odd"): 1})
    run.scalars.log({1: 2.0, ("a",): 3.0})
    assert run.rows == [("1", "2.0"), ("('a',)", "3.0")]
    assert len(run.told) == 1


def test_names_without_end_leave_a_few_notes_and_little_memory(run: Run) -> None:
    for i in range(20):
        run.scalars.log({f"name{i}-{j}" * 100: "x" for j in range(100)})
        run.scalars.log({f"name{i}-{j}": j for j in range(1000)})
    assert len(run.rows) == 20_000
    assert len(run.told) == MOST_TOLD + 1
    assert run.told[-1] == "gradtui.log() got more values that could not be recorded; they are not listed"
    assert max(map(len, run.told)) < 150


def test_a_full_disk_is_noted_when_there_is_room_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def half_of_it(file: int, data: bytes) -> int:
        if len(data) < 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[: len(data) // 2])

    run.log(accuracy=0.5)
    with monkeypatch.context() as full:
        full.setattr(os, "write", half_of_it)
        for _ in range(3):
            run.log(accuracy=0.75, other="x")
    run.notes.write()
    assert run.rows == [("accuracy", "0.5")]
    assert sorted(line.split(" ")[0] for line in run.told) == ["gradtui.log(other=...)", "side.epochs.csv", "side.scalars.csv"]
    run.log(accuracy=1)
    assert run.rows[1:] == [("accuracy", "1.0")]


def test_threads_may_log_at_once(run: Run) -> None:
    def log() -> None:
        for i in range(50):
            run.log(accuracy=i, lr=i)

    threads = [threading.Thread(target=log) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(run.rows) == 800
    epochs = run.folder.epochs_csv("side").read_text().splitlines()
    assert [line.split(",")[0] for line in epochs] == ["epoch", *map(str, range(1, 401))]


def test_a_value_may_log_by_itself(run: Run) -> None:
    class Logs:
        def __float__(self) -> float:
            run.log(inner=1)
            return 2.0

    run.log(outer=Logs())
    assert run.rows == [("inner", "1.0"), ("outer", "2.0")]


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/nowhere/at/all")], ids=["folder", "pipe", "link"]
)
def test_what_stands_in_place_of_the_files_is_left_alone(make: object, run: Run) -> None:
    for path in (run.folder.scalars_csv("side"), run.folder.epochs_csv("side"), run.folder.notes("side")):
        make(path)  # type: ignore[operator]
    run.log(accuracy=1, bad="x")
    run.notes.write()
    assert not any(path.is_file() for path in run.folder.path.iterdir())


def test_notes_are_printable_lines_and_private(run: Run) -> None:
    before = os.umask(0)
    try:
        run.notes.add(f"{EVIL}\n{EVIL}")
        run.notes.add(f"{EVIL}\n{EVIL}")
        run.log(accuracy=1)
    finally:
        os.umask(before)
    assert len(run.told) == 1
    assert run.told == printable_lines(run.folder.notes("side").read_bytes())
    assert not leaks(run.told[0])
    assert {stat.S_IMODE(path.stat().st_mode) for path in run.folder.path.iterdir()} == {0o600}
    assert private.regular(run.folder.notes("side"), os.O_RDONLY) > 0


class Alarm(Exception):
    pass


@pytest.mark.parametrize("kind", [Alarm, TimeoutError, ValueError])
def test_an_alarm_of_the_script_reaches_the_script(kind: type[Exception], run: Run) -> None:
    raised = seen = 0

    def ring(*_: object) -> None:
        nonlocal raised
        raised += 1
        raise kind

    before = signal.signal(signal.SIGALRM, ring)
    try:
        while raised < 50:
            deadline = time.monotonic() + 0.05
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
                while time.monotonic() < deadline:
                    run.log(lr=1, accuracy=torch.ones(1), bad="x")
            except kind:
                seen += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == raised
    assert not any("failed" in line or "lacks" in line for line in run.told)


def test_mappings_are_taken_and_what_is_none_is_noted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradtui, "_listener", run.scalars.log)
    gradtui.log({"loss": 1}, {"lr": 2}, mappings=3)
    gradtui.log([1], 7)  # type: ignore[arg-type]
    assert run.rows == [("loss", "1.0"), ("lr", "2.0"), ("mappings", "3.0")]
    assert run.told == [f"gradtui.log() got {kind}; it takes numbers by name, or a mapping of them" for kind in ("list", "int")]


def test_a_huge_name_is_cut(run: Run) -> None:
    run.log(**{"x" * 10_000_000: 1, "\x07" * 1_000_000: 1})
    assert [len(name) for name, _ in run.rows] == [200, 200]
