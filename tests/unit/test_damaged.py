"""Folders that are damaged in every way one can think of: told in one line, never a crash, never a wait."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtui.runs import safe_open as regular
from gradtui.runs.columns import STEPS
from gradtui.runs.export.csv_export import export_csv, write_csv
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.reader import read_results
from gradtui.runs.saved_runs import UnknownRun, all_runs, create_run, find_run
from gradtui.runs.state import DamagedRun
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings

HEADER = b"step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"
ROW = b"%d,1,0.5,,0.1,,\n"

Damage = Callable[[Path], object]


def instead(make: Damage) -> Damage:
    """Damage that puts something else in the file's place."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DAMAGES: dict[str, Damage] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(random.Random(1).randbytes(5000)),
    "nulls": lambda path: path.write_bytes(bytes(5000)),
    "not UTF-8": lambda path: path.write_bytes(b'{"format": 1, "id": "\xff\xfe"}'),
    "folder": instead(Path.mkdir),
    "pipe": instead(os.mkfifo),
    "loop": instead(lambda path: path.symlink_to(path)),
    "dangling": instead(lambda path: path.symlink_to(path.parent / "nowhere")),
    "device": instead(lambda path: path.symlink_to("/dev/zero")),
    "list": lambda path: path.write_text("[]"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "deep object": lambda path: path.write_text('{"a":' * 100_000),
    "many settings": lambda path: change(path, settings={f"setting{i}": i for i in range(30_000)}),
    "deep setting": lambda path: change(path, settings={"lr": json.loads("[" * 900 + "]" * 900)}),
    "10 MB": lambda path: change(path, note="x" * 10_000_000),
    "400 digits": lambda path: change(path, settings={"epochs": 10**400}),
    "400 digits of memory": lambda path: change_variant(path, peak_memory_mb=10**400),
    "4,400 digits": lambda path: path.write_text('{"format": ' + "1" * 4400 + "}"),
    "nan": lambda path: path.write_text(path.read_text().replace('"peak_memory_mb": null', '"peak_memory_mb": NaN')),
    "huge float": lambda path: path.write_text(path.read_text().replace('"peak_memory_mb": null', '"peak_memory_mb": 1e999')),
    "negative steps": lambda path: change_variant(path, steps=-1),
    "half steps": lambda path: change_variant(path, steps=0.5),
    "another status": lambda path: change_variant(path, status="\x1b[31m"),
    "another version": lambda path: change(path, format=2),
    "no time": lambda path: change(path, created="yesterday\n"),
    "another time": lambda path: change(path, started="2026-11-21T09:33:37+25:00Z"),
    "another id": lambda path: change(path, id="20200101-000000-000-linear"),
}


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def change_variant(path: Path, **fields: object) -> None:
    variants = json.loads(path.read_text())["variants"]
    change(path, variants={name: {**variant, **fields} for name, variant in variants.items()})


def is_one_printable_line(error: BaseException) -> bool:
    return str(error).isprintable() and 0 < len(str(error)) < 1000


@pytest.fixture
def folder(home: Path) -> RunFolder:
    folder = create_run(RunSettings.parse({}))
    for name in folder.read().variants:
        folder.steps_csv(name).write_bytes(HEADER + b"".join(ROW % step for step in (1, 2, 3)))
    return folder


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_json_is_told_in_one_line(folder: RunFolder, tmp_path: Path, damage: Damage) -> None:
    damage(folder.path / "run.json")
    before = sorted(os.listdir(folder.path))
    for read in (folder.read, folder.observe, lambda: read_results(folder), lambda: export_csv(folder, tmp_path / "a.csv")):
        with pytest.raises(DamagedRun) as caught:
            read()
        assert is_one_printable_line(caught.value)
    assert all_runs() == [folder]
    assert sorted(os.listdir(folder.path)) == before
    assert not (tmp_path / "a.csv").exists()


def test_a_run_json_that_one_may_not_read_is_damaged(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(regular.os, "open", refuse)  # type: ignore[attr-defined]  # root may read everything
    with pytest.raises(DamagedRun, match="PermissionError"):
        folder.observe()


def test_control_characters_in_a_run_json_do_not_get_out_of_it(folder: RunFolder) -> None:
    evil = "\x1b]0;evil\x07\n\u202e"
    change(folder.path / "run.json", note=evil, host=evil, device=evil, device_name=evil, versions={evil: evil})
    change_variant(folder.path / "run.json", reason=evil, policy=evil)
    state = folder.read()
    texts = [state.note, state.host, state.device, state.device_name, *state.versions, *state.versions.values()]
    texts += [text for variant in state.variants.values() for text in (variant.reason, variant.policy)]
    assert len(texts) == 4 + 2 + 2 * len(state.variants)
    assert all(text and text.isprintable() for text in texts)


@pytest.mark.parametrize(
    "name",
    [b"\x1b[31mred", b"new\nline", b"\xff\xfe", b"a b", b"=1+1", "ünï\u202e".encode(), b"x" * 255, b"a,b", b"$(id)"],
)
def test_a_folder_of_any_name_is_damaged_and_its_name_fit_to_show(folder: RunFolder, name: bytes) -> None:
    os.mkdir(os.fsencode(folder.path.parent) + b"/" + name)
    odd = next(run for run in all_runs() if run != folder)
    text = (folder.path / "run.json").read_text()
    (odd.path / "run.json").write_text(json.dumps({**json.loads(text), "id": odd.id}))
    assert odd.label.isprintable()
    assert len(odd.label) <= 200
    with pytest.raises(DamagedRun) as caught:
        odd.read()
    assert is_one_printable_line(caught.value)
    with pytest.raises(UnknownRun) as missing:
        find_run(os.fsdecode(name) + "?")
    assert is_one_printable_line(missing.value)
    assert os.fsencode(odd.path.name) == name


@pytest.mark.parametrize(
    "name", ["../../etc", "..", ".", "", "/", "/etc", "./", "../runs", "a/../..", "\0", "\x1b[31m", "~", "*", "x" * 100_000]
)
def test_no_name_of_a_run_gets_out_of_the_home(folder: RunFolder, name: str) -> None:
    for given in (name, str(folder.path), f"../runs/{folder.id}", f"{folder.id}/"):
        with pytest.raises(UnknownRun) as caught:
            find_run(given)
        assert is_one_printable_line(caught.value)


def test_a_loop_among_the_runs_is_no_run(folder: RunFolder) -> None:
    loop = folder.path.parent / "loop"
    loop.symlink_to(loop)
    assert all_runs() == [folder]


CSV_DAMAGES: dict[str, tuple[Damage, int]] = {
    "folder": (instead(Path.mkdir), 0),
    "pipe": (instead(os.mkfifo), 0),
    "loop": (instead(lambda path: path.symlink_to(path)), 0),
    "device": (instead(lambda path: path.symlink_to("/dev/zero")), 0),
    "missing": (lambda path: path.unlink(), 0),
    "empty": (lambda path: path.write_bytes(b""), 0),
    "nulls": (lambda path: path.write_bytes(bytes(3_000_000)), 0),
    "binary": (lambda path: path.write_bytes(random.Random(2).randbytes(3_000_000)), 0),
    "another header": (lambda path: path.write_bytes(b"time,price\n" + ROW % 1), 0),
    "no header": (lambda path: path.write_bytes(ROW % 1 + ROW % 2), 0),
    "nulls between": (lambda path: append(path, bytes(100) + b"\n" + ROW % 4), 4),
    "a huge line between": (lambda path: append(path, b"9" * 3_000_000 + b"\n" + ROW % 4), 4),
    "the end of a huge line is a row": (lambda path: append(path, b"9" * (1 << 20) + ROW % 4 + ROW % 5), 4),
    "control characters": (lambda path: append(path, b"4,1,\x1b[31m0.5,,0.1,,\n\x1c4,1,0.5,,0.1,,\n" + ROW % 5), 4),
    "odd numbers": (
        lambda path: append(
            path,
            b"1e400,1,1,,1,,\n4,inf,1,,1,,\n4,nan,1,,1,,\n4.5,1,1,,1,,\n4,1,1,,nan,,\n4,1,1,,-1,,\n4,1,1,,1e999,,\n"
            + b"9" * 400 + b",1,1,,1,,\n",
        ),
        3,
    ),
    "again": (lambda path: append(path, ROW % 3 + ROW % 2 + ROW % 0 + ROW % 4), 4),
    "torn": (lambda path: append(path, b"4,1,0.5,,0.1,,"), 3),
}  # fmt: skip


UNREADABLE = [CSV_DAMAGES[name][0] for name in ("folder", "pipe", "loop", "device")]


def append(path: Path, more: bytes) -> None:
    with open(path, "ab") as file:
        file.write(more)


@pytest.mark.parametrize(("damage", "left"), CSV_DAMAGES.values(), ids=CSV_DAMAGES)
def test_a_damaged_csv_gives_its_sound_rows(folder: RunFolder, tmp_path: Path, damage: Damage, left: int) -> None:
    damage(folder.steps_csv("with_zero_grad"))
    results = read_results(folder)
    assert (results.variants["with_zero_grad"].steps > 0) == (left > 0)
    tail = CsvTail(folder.steps_csv("with_zero_grad"), STEPS.columns)
    assert sum(map(len, iter(tail.read, None))) == left
    json.dumps(results.as_json(), allow_nan=False)
    folder.count_steps("with_zero_grad")
    if damage in UNREADABLE:
        with pytest.raises(DamagedRun) as caught:
            export_csv(folder, tmp_path / "a.csv")
        assert is_one_printable_line(caught.value)
        assert not (tmp_path / "a.csv").exists()
    else:
        assert export_csv(folder, tmp_path / "a.csv") == left + 3
        assert (tmp_path / "a.csv").read_text().replace("\n", "").isprintable()


def test_an_export_that_cannot_read_the_rows_says_so(folder: RunFolder) -> None:
    path = folder.steps_csv("with_zero_grad")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DamagedRun, match=r"with_zero_grad.csv cannot be read \(not a file\)"):
        write_csv(folder)


def test_a_log_that_is_a_pipe_is_not_waited_for(folder: RunFolder) -> None:
    os.mkfifo(folder.log("with_zero_grad"))
    assert folder.last_log_lines("with_zero_grad") == []
