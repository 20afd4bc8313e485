"""A run that is read from its packed rows says exactly what it says when it is read from its CSV files."""

from __future__ import annotations

import math
import os
import random
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradtui.runs import packed
from gradtui.runs.folder import RunFolder
from gradtui.runs.packed import CLIPPING, PLAIN, PackedRows
from gradtui.runs.results.spans import BLOCK
from gradtui.runs.results.times import TICKS
from gradtui.runs.saved_runs import create_run
from gradtui.runs.tail import Chunk, CsvTail
from gradtui.settings import RunSettings
from gradtui.training import packing
from gradtui.training.packing import Packing
from gradtui.tui.run_follower import FollowedRun
from tests.made_up import made_up_run

SIDES = ("with_zero_grad", "without_zero_grad")
HOW_MANY = pytest.mark.parametrize(
    "examples", [12, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids=["few", "many"]
)


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "ROWS", BLOCK)
    monkeypatch.setattr(packing, "ROWS", BLOCK)


def write_side(folder: RunFolder, name: str, count: int, seed: int, kind: str = "f", clips: bool = False) -> None:
    """Rows as a worker writes them, some at a time, packed too."""
    draw = random.Random(seed)
    layout = CLIPPING if clips else PLAIN
    odd = draw.choice([[0.0], [math.nan], [math.inf, -math.inf, math.nan], [0.0, -1.0], [1e300 if kind == "d" else 1e30]])
    oddly, scale = draw.choice([0, 0.001, 0.5]), draw.choice([1e-3, 1, 1e6])
    longest = draw.choice([1, 900, 30_000, 2**32 - 1])
    measured_share = draw.choice([0, 0.01, 1])
    losses = array(kind, [draw.choice(odd) if draw.random() < oddly else draw.gauss(0, scale) for _ in range(count)])
    ticks = [draw.randrange(longest) for _ in range(count)]
    folder.packed(name).unlink(missing_ok=True)
    packs = Packing(folder.packed(name))
    with open(folder.steps_csv(name), "wb") as file:
        file.write(layout.header)
        at = 0
        while at < count:
            end, rows, measured = min(count, at + draw.choice([1, 700, 5000])), [], {}
            for i in range(at, end):
                front = f"{i + 1},{i // 24 + 1},{losses[i]!r}"
                if draw.random() < measured_share:
                    norm, fresh, cosine = (
                        draw.choice([0.0, 1.5, math.nan, math.inf]),
                        draw.random(),
                        float(f"{draw.random():.6g}"),
                    )
                    measured[i - at] = (norm, fresh, cosine, norm / 2) if clips else (norm, fresh, cosine)
                    clipped = f",{norm / 2!r}" if clips else ""
                    rows.append(f"{front},{norm!r},{ticks[i] / TICKS:.7f},{fresh!r},{cosine:.6g}{clipped}\n")
                else:
                    rows.append(f"{front},,{ticks[i] / TICKS:.7f},,{',' if clips else ''}\n")
            text = "".join(rows).encode()
            file.write(text)
            packs.add(losses[at:end], ticks[at:end], measured, text)
            at = end


def read_all(run: FollowedRun) -> FollowedRun:
    while run.advance():
        pass
    return run


def said_by(run: FollowedRun) -> dict[object, Any]:
    """All that the app knows of a run."""
    said: dict[object, Any] = {"results": repr(run.results()), "steps": run.steps}
    for name, curves in run.curves.items():
        evidence = run._reader.evidence[name]
        said[name, "grounds"] = repr(
            (evidence.blocks, evidence.loss_blocks.size, evidence.gradient_excess, evidence.optimizers)
        )
        said[name, "times"] = [curves.seconds_at(step) for step in range(0, len(curves.seconds) + 2, 97)], len(curves.seconds)
        for quantity, series in curves.series.items():
            known = series.blocks, series.low, series.high, series.low_positive, series.first_not_finite
            said[name, quantity.name] = [*map(repr, series.xs[:])], [*map(repr, series.ys)], repr(known)
            smooth = curves.smoothed(quantity, 0.9)
            while smooth.behind:
                smooth.advance()
            said[name, quantity.name, "smooth"] = [*map(repr, smooth.series.ys)]
    return said


def rows_read_as_text(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows of a run the app reads from its CSV files."""
    counted = []
    rows_of = CsvTail._rows

    def counting(tail: CsvTail, new: bytes) -> Chunk:
        rows = rows_of(tail, new)
        counted.append(len(rows))
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(CsvTail, "_rows", counting)
        read_all(FollowedRun(folder))
    return sum(counted)


def search(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    tried = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    tried(given(strategy)(check))()


def same_without_packed(folder: RunFolder) -> None:
    packed_too = said_by(read_all(FollowedRun(folder)))
    away = [(path := folder.packed(name), path.with_suffix(".away")) for name in SIDES if folder.packed(name).exists()]
    for path, other in away:
        path.rename(other)
    assert said_by(read_all(FollowedRun(folder))) == packed_too
    for path, other in away:
        other.rename(path)


SEEDS = st.integers(0, 10**6)
COUNTS = st.sampled_from([1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7])


@HOW_MANY
@pytest.mark.parametrize("clips", [False, True])
def test_sound_runs_are_the_same(examples: int, clips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create_run(RunSettings.parse({"clip_norm": 0.5 if clips else 0.0}))

    def check(drawn: tuple[int, int, str]) -> None:
        count, seed, kind = drawn
        for name in SIDES:
            write_side(folder, name, count, seed, kind, clips)
        same_without_packed(folder)
        assert rows_read_as_text(folder, monkeypatch) == 2 * (count % BLOCK), "packed rows were not used"

    search(examples, st.tuples(COUNTS, SEEDS, st.sampled_from("fd")), check)


def damaged(data: bytes, how: str, draw: random.Random) -> bytes:
    at, length = draw.randrange(len(data) + 1), draw.randrange(1, 60)
    line = data.find(b"\n", at) + 1
    return {
        "cut": data[:at],
        "a byte": data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :],
        "bytes": data[:at] + draw.randbytes(length) + data[at + length :],
        "more": data[:at] + draw.randbytes(length) + data[at:],
        "fewer": data[:at] + data[at + length :],
        "a digit": data[:at] + data[at : at + 400].replace(b"1", b"2", 1) + data[at + 400 :],
        "a line": data[:line] + b"2000,1,0.5,,0.00015,,\n" + data[line:],
        "appended": data + b"1000000,1,nan,,0.1,,\n1000001,1,0.25,0.5,3e-05,0.1,\n",
        "other header": data.replace(b"cosine", b"sine", 1),
        "nothing": b"",
    }[how]


DAMAGES = ["cut", "a byte", "bytes", "more", "fewer", "a digit", "a line", "appended", "other header", "nothing"]


@HOW_MANY
def test_damaged_runs_are_the_same(examples: int) -> None:
    folder = create_run(RunSettings.parse({}))

    def check(drawn: tuple[int, str, bool]) -> None:
        seed, how, packed_one = drawn
        for name in SIDES:
            write_side(folder, name, 2 * BLOCK + 50, seed)
        path = folder.packed(SIDES[0]) if packed_one else folder.steps_csv(SIDES[0])
        path.write_bytes(damaged(path.read_bytes(), how, random.Random(seed)))
        same_without_packed(folder)

    search(examples, st.tuples(SEEDS, st.sampled_from(DAMAGES), st.booleans()), check)


def test_no_byte_of_it_is_believed_that_has_changed() -> None:
    folder = create_run(RunSettings.parse({}))
    for name in SIDES:
        write_side(folder, name, BLOCK, 12)
    path = folder.packed(SIDES[0])
    data = path.read_bytes()
    assert PackedRows(folder.steps_csv(SIDES[0]), path).read() is not None
    for at in [*range(80), *range(80, len(data), 293), len(data) - 1]:
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert PackedRows(folder.steps_csv(SIDES[0]), path).read() is None


@HOW_MANY
def test_rows_of_another_run_are_not_believed(examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create_run(RunSettings.parse({}))

    def check(drawn: tuple[int, int, str]) -> None:
        seed, other_seed, kind = drawn
        for name, from_seed in zip(SIDES, (seed, other_seed), strict=True):
            write_side(folder, name, 2 * BLOCK, from_seed, kind)
        if folder.steps_csv(SIDES[0]).read_bytes() == folder.steps_csv(SIDES[1]).read_bytes():
            return
        folder.packed(SIDES[0]).write_bytes(folder.packed(SIDES[1]).read_bytes())
        same_without_packed(folder)
        assert rows_read_as_text(folder, monkeypatch) == 2 * BLOCK

    search(examples, st.tuples(SEEDS, SEEDS, st.sampled_from("fd")), check)


def test_a_forged_file_is_found_out_or_does_no_harm() -> None:
    """With checksums that are right: whatever it says, it is read or not, and nothing breaks."""
    folder = create_run(RunSettings.parse({}))
    for name in SIDES:
        write_side(folder, name, 2 * BLOCK, 3)
    sound = PackedRows(folder.steps_csv(SIDES[0]), folder.packed(SIDES[0])).read()
    assert sound is not None
    text = folder.steps_csv(SIDES[0]).read_bytes().removeprefix(PLAIN.header)
    draw = random.Random(5)
    for _ in range(25):
        block = packed.block_of(1, array("f", sound.losses), array("I", sound.ticks), dict(sound.measured))
        column: Any = draw.choice(
            [block.losses, block.ticks, block.lows, block.highs, block.finite, block.totals, block.stretches]
        )
        for _ in range(draw.choice([1, 50])):
            numbers = [0, 1, 255] if column.typecode in "IQB" else [0.0, math.nan, math.inf, -math.inf, 1e30]
            column[draw.randrange(len(column))] = draw.choice(numbers)
        first = b"".join(line + b"\n" for line in text.split(b"\n")[:BLOCK])
        folder.packed(SIDES[0]).write_bytes(packed.pack(block, first))
        run = read_all(FollowedRun(folder))
        assert run.steps == dict.fromkeys(SIDES, 2 * BLOCK)
        said_by(run)


@pytest.mark.parametrize("instead", ["a pipe", "a folder", "a loop"])
def test_something_else_in_its_place_is_not_read(instead: str) -> None:
    folder = create_run(RunSettings.parse({}))
    for name in SIDES:
        write_side(folder, name, 2 * BLOCK, 3)
    path = folder.packed(SIDES[0])
    path.unlink()
    {"a pipe": os.mkfifo, "a folder": os.mkdir, "a loop": lambda path: path.symlink_to(path)}[instead](path)
    assert read_all(FollowedRun(folder)).steps == dict.fromkeys(SIDES, 2 * BLOCK)


def test_a_run_that_goes_on_is_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, whole = create_run(RunSettings.parse({})), create_run(RunSettings.parse({}))
    for name in SIDES:
        write_side(whole, name, 5 * BLOCK, 11)
    rest = {path: path.read_bytes() for name in SIDES for path in (whole.steps_csv(name), whole.packed(name))}
    run = FollowedRun(folder)
    for share in (0.3, 0.31, 0.7, 1.0):
        for path, data in rest.items():
            (folder.path / path.name).write_bytes(data[: int(share * len(data))])
        read_all(run)
        late = said_by(read_all(FollowedRun(folder)))
        assert {**said_by(run), "results": ""} == {**late, "results": ""}
    assert run.steps == dict.fromkeys(SIDES, 5 * BLOCK)


def test_a_disk_that_is_full_costs_only_the_packed_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    wrote = []

    def write(descriptor: int, data: bytes) -> int:
        wrote.append(len(data))
        if len(wrote) == 2:
            raise OSError(28, "No space left on device")
        return len(data)

    monkeypatch.setattr(os, "write", write)
    write_side(folder, SIDES[0], 4 * BLOCK, 1)
    assert len(wrote) == 2
    assert not folder.packed(SIDES[0]).exists()
    assert folder.count_steps(SIDES[0]) == 4 * BLOCK


def test_a_step_of_an_hour_is_in_the_csv_file_alone(tmp_path: Path) -> None:
    packs = Packing(tmp_path / "rows")
    packs.add(array("f", [0.5]), [3600 * TICKS], {}, b"1,1,0.5,,3600.0000000,,\n")
    packs.add(array("f", [0.5] * BLOCK), [1] * BLOCK, {}, b"2,1,0.5,,0.0000001,,\n" * BLOCK)
    assert not (tmp_path / "rows").exists()


def test_a_run_without_packed_rows_is_read_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run(steps=2000)
    assert read_all(FollowedRun(folder)).steps == dict.fromkeys(SIDES, 2000)
    assert {*PLAIN.gradients} < {*CLIPPING.gradients} < {*packed.PACKED}


def test_a_clipped_run_of_an_older_version_is_read_from_its_packed_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files lack the clipped norm."""
    folder = create_run(RunSettings.parse({"clip_norm": 0.5}))
    for name in SIDES:
        write_side(folder, name, 2 * BLOCK, 3)
    same_without_packed(folder)
    assert rows_read_as_text(folder, monkeypatch) == 0
