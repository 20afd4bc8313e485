"""The folder of a sweep: its rows, its owner, its requests, whatever stands in it."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from gradtui.runs.home import HomeError
from gradtui.runs.saved_runs import UnknownRun
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweeps import sweep_list
from gradtui.runs.sweeps.grid import Cell, Outcome, grid_rows
from gradtui.runs.sweeps.sweep_folder import SweepFolder, SweepReader
from gradtui.runs.sweeps.sweep_list import create_sweep, find_sweep, sweeps_directory
from gradtui.runs.sweeps.sweep_rows import SweepNotWritten
from gradtui.settings import RunSettings, SettingsError

CELLS = [Cell("SGD", 0.1, 42), Cell("Adam", 0.1, 42), Cell("SGD", 0.1, 43), Cell("Adam", 0.1, 43)]
HEADER = "optimizer,lr,seed,run,status,left,right\n"


@pytest.fixture
def folder(home: Path) -> SweepFolder:
    return create_sweep({"experiment": "linear"}, "SGD,Adam", "0.1", "2")


def outcome(cell: Cell, run: str = "run", status: str = "finished", left: float = 0.25) -> Outcome:
    return Outcome(cell, run, status, left, 1.5)


@pytest.mark.parametrize("torn", ["SGD,0.1,4", "SGD,0.1,42,torn,finished,0.1,0.", "x" * 10_000, "\0" * 5000])
def test_a_row_that_a_crash_has_torn_is_not_glued_to_the_next(folder: SweepFolder, torn: str) -> None:
    folder.add([outcome(CELLS[0])])
    with open(folder.csv, "a") as file:
        file.write(torn)
    folder.add([outcome(CELLS[1])])
    assert [known.cell for known in folder.read().outcomes] == CELLS[:2]
    assert folder.csv.read_text() == HEADER + "SGD,0.1,42,run,finished,0.25,1.5\nAdam,0.1,42,run,finished,0.25,1.5\n"


def test_a_header_that_a_crash_has_torn_is_written_again(folder: SweepFolder) -> None:
    folder.csv.write_text("optimizer,l")
    folder.add([outcome(CELLS[0])])
    assert folder.csv.read_text() == HEADER + "SGD,0.1,42,run,finished,0.25,1.5\n"


def test_rows_that_are_not_of_this_grid_are_left_out(folder: SweepFolder) -> None:
    good = "SGD,0.1,42,run,finished,0.25,1.5"
    odd = [
        good + ",7", "SGD,0.1,42,run,finished,0.25", good.replace("SGD", "SDG"), good.replace("SGD", "RMSprop"),
        good.replace("0.1", "nan"), good.replace("0.1", "inf"), good.replace("0.1", "0.2"), good.replace("42", "44"),
        good.replace("42", "4_2"), good.replace("finished", "running"), good.replace("run", "../run"),
        good.replace("0.25", "a quarter"), "", "é" * 5000,
    ]  # fmt: skip
    folder.csv.write_text(HEADER + "\n".join([*odd, good, good]) + "\n")
    assert [(known.cell, known.left) for known in folder.read().outcomes] == [(CELLS[0], 0.25)]


def test_a_full_disk_leaves_every_row_that_was_there_and_no_part_of_the_next(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add([outcome(CELLS[0])])
    before = folder.csv.read_text()
    write, room = os.write, [10]

    def full(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SweepNotWritten, match=f"no space left for {folder.csv} "):
        folder.add([outcome(CELLS[1])])
    monkeypatch.undo()
    assert folder.csv.read_text() == before


def test_the_row_of_a_repeated_cell_replaces_the_one_before(folder: SweepFolder) -> None:
    reader = SweepReader(folder)
    folder.add([outcome(CELLS[0], "first", "failed")])
    folder.add([outcome(CELLS[1], "second")])
    assert [known.run for known in reader.advance()] == ["first", "second"]
    folder.add([outcome(CELLS[0], "third")], replacing_others=True)
    assert [known.run for known in reader.advance()] == ["third"]
    assert {known.run for known in reader.sweep.outcomes} == {"second", "third"}
    assert "first" not in folder.csv.read_text()
    assert stat.S_IMODE(folder.csv.stat().st_mode) == 0o600


def test_following_a_sweep_checks_its_grid_once_and_reads_only_new_rows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create_sweep({"experiment": "linear"}, "all", "0.1,0.01", "500")
    parsed: list[Mapping[str, object]] = []
    parse = RunSettings.parse

    def counting(given: Mapping[str, object]) -> RunSettings:
        parsed.append(given)
        return parse(given)

    monkeypatch.setattr(RunSettings, "parse", counting)
    reader = SweepReader(folder)
    assert len(parsed) <= 6
    parsed.clear()
    for _ in range(100):
        assert reader.advance() == []
        folder.status()
    folder.add([outcome(CELLS[0])])
    assert reader.advance() == [outcome(CELLS[0])]
    assert parsed == []


def test_a_sweep_has_one_owner_and_is_lost_without_one(folder: SweepFolder) -> None:
    assert folder.status() == "lost"
    folder.request_stop()
    with folder.owned() as first:
        assert first is not None
        assert not folder.stop_requested, "a request from before is void"
        folder.request_stop()
        with folder.owned() as second:
            assert second is None
        assert folder.stop_requested, "the owner obeys it"
        folder.write_status("running")
        assert folder.status() == "running"
    assert folder.status() == "lost"
    folder.write_status("stopped")
    assert folder.status() == "stopped"
    with folder.owned() as descriptor:
        assert descriptor is not None
        assert folder.status() == "running", "it is being started"


@pytest.mark.parametrize(("seconds_ago", "status"), [(1, "running"), (60, "lost")])
def test_another_machines_sweeper_owns_the_sweep_while_it_shows_that_it_lives(
    folder: SweepFolder, seconds_ago: float, status: str
) -> None:
    folder.write(replace(folder.read_grid(), host="another", boot="another boot"))
    alive = folder.path / "alive"
    alive.touch()
    then = alive.stat().st_mtime - seconds_ago
    os.utime(alive, (then, then))
    assert folder.status() == status
    with folder.owned() as descriptor:
        assert (descriptor is None) == (status == "running")


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.EACCES])
def test_a_request_that_cannot_be_looked_at_is_seen_a_moment_later(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folder.request_stop()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, "not now")

    monkeypatch.setattr(os, "stat", fail)
    monkeypatch.setattr(os, "lstat", fail)
    requested, gone = folder.stop_requested, folder.gone
    monkeypatch.undo()
    assert (requested, gone) == (False, False)
    assert folder.stop_requested


@pytest.mark.parametrize(
    "change",
    [
        {"optimizers": []}, {"optimizers": "SGD"}, {"optimizers": ["sgd"]}, {"optimizers": [1]}, {"lrs": ["0.1"]},
        {"lrs": [float("nan")]}, {"lrs": [True]}, {"lrs": [10**400]}, {"lrs": {}}, {"seeds": [1.5]}, {"seeds": [-1]},
        {"seeds": [[]]}, {"base": {}}, {"base": {"experiment": "none"}}, {"base": {"experiment": "script"}}, {"base": []},
        {"base": {"experiment": "Linear"}},
        {"more": 1}, {"lrs": [0.1 / i for i in range(1, 1001)], "seeds": [*range(1000)]},
    ],
)  # fmt: skip
def test_a_sweep_json_that_is_no_sweep_is_told_in_one_line(folder: SweepFolder, change: dict[str, object]) -> None:
    path = folder.path / "sweep.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DamagedRun, match=r"sweep\.json") as caught:
        SweepReader(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [None, 1, "resting", [], {}])
def test_a_status_that_is_none_is_told_too(folder: SweepFolder, status: object) -> None:
    path = folder.path / "sweep.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": status}))
    with pytest.raises(DamagedRun, match="status"):
        folder.read()


def test_sweeps_of_one_millisecond_get_folders_of_their_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedClock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 2, tzinfo=timezone.utc)

    monkeypatch.setattr(sweep_list, "datetime", StoppedClock)
    folders = [create_sweep({}, "SGD", "0.1", "1") for _ in range(12)]
    assert len({folder.path for folder in folders}) == 12
    assert find_sweep("last").path == folders[-1].path


def test_whatever_lies_among_the_sweeps_none_of_it_is_taken_for_one(folder: SweepFolder) -> None:
    sweeps = sweeps_directory()
    (sweeps / "zzz").touch()
    (sweeps / "zz-folder").mkdir()
    (sweeps / ".new-9").mkdir()
    (sweeps / ".new-9" / "sweep.json").touch()
    (sweeps / "zz-nowhere").symlink_to("nowhere")
    (sweeps / "zz-loop").symlink_to("zz-loop")
    for name in ("\x1b[31mred", "two\nlines", os.fsdecode(b"z\xff"), "z" * 200):
        (sweeps / name).mkdir()
        (sweeps / name / "sweep.json").touch()
    assert find_sweep("last").id == folder.id
    assert find_sweep(folder.id[:8]).id == folder.id
    for name in ("zz", "", "z", "\x1b"):
        with pytest.raises(UnknownRun):
            find_sweep(name)


def test_where_sweeps_should_be_is_a_file(home: Path) -> None:
    sweeps_directory().rmdir()
    (home / "sweeps").touch()
    with pytest.raises(HomeError, match="sweeps"):
        find_sweep("last")


@pytest.mark.parametrize(
    ("grid", "name"),
    [
        (({"seed": 2**64 - 2}, "SGD", "0.1", "3"), "seed"),
        (({"experiment": "script", "script": "a.py"}, "SGD", "0.1", "1"), "optimizer"),
        (({}, "all", ",".join(str(0.1 / i) for i in range(1, 1000)), "1000"), "seeds"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_there_is_a_folder(
    home: Path, grid: tuple[dict[str, object], str, str, str], name: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        create_sweep(*grid)
    assert next(iter(caught.value.errors)) == name
    assert not list(sweeps_directory().iterdir())


def test_what_is_named_twice_is_one_cell(home: Path) -> None:
    folder = create_sweep({"experiment": "linear"}, "SGD,sgd", "0.1,1e-1", "1")
    assert list(folder.read().cells()) == CELLS[:1]
    folder.add([outcome(CELLS[0])])
    assert [row.seeds for row in grid_rows(folder.read())] == [1]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)], ids=["folder", "pipe", "loop"])
def test_whatever_stands_where_the_rows_should_be_is_told_in_one_line(
    folder: SweepFolder, make: Callable[[Path], None]
) -> None:
    make(folder.csv)
    assert folder.read().outcomes == ()
    with pytest.raises(SweepNotWritten, match=r"sweep\.csv"):
        folder.add([outcome(CELLS[0])])


def test_all_files_are_their_users_alone_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        folder = create_sweep({"experiment": "linear"}, "SGD", "0.1", "2")
        with folder.owned():
            folder.write_status("running")
            folder.reserve()
            folder.note_start([CELLS[0]], "run")
            folder.add([outcome(CELLS[0])])
            folder.request_stop()
    finally:
        os.umask(before)
    paths = [home, *home.rglob("*")]
    assert {"alive", "reserve", "started.csv", "stop", "sweep.csv", "sweep.json"} <= {path.name for path in paths}
    assert [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_what_was_started_is_read_whatever_stands_there(folder: SweepFolder) -> None:
    folder.note_start([CELLS[0]], "first")
    with open(folder.path / "started.csv", "a") as file:
        file.write("SGD,0.1,42,../../etc\nSGD,0.1,42,..\nSGD,0.1\n\nSGD,0.1,43,to")
    folder.note_start([CELLS[0]], "second")
    assert folder.started() == {CELLS[0]: "second"}
    with suppress(OSError):
        (folder.path / "started.csv").unlink()
    assert folder.started() == {}
