import math
from pathlib import Path

import pytest

from gradtui.runs.columns import STEPS
from gradtui.runs.tail import Chunk, CsvTail

COLUMNS = [column for column in STEPS.columns if column.required]
HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"


def row(step: int, loss: str = "0.5") -> str:
    return f"{step},1,{loss},,0.0001,,\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def all_rows(tail: CsvTail) -> list[Chunk]:
    return list(iter(tail.read, None))


def test_a_file_that_is_not_there_has_no_rows(path: Path) -> None:
    assert CsvTail(path, COLUMNS).read() is None


def test_rows_are_given_once_as_the_file_grows(path: Path) -> None:
    tail = CsvTail(path, COLUMNS)
    path.write_text(HEADER + row(1) + row(2))
    first = tail.read()
    assert first is not None
    assert list(first.values["step"]) == [1, 2]
    assert tail.read() is None
    with open(path, "a") as file:
        file.write(row(3))
    second = tail.read()
    assert second is not None
    assert list(second.values["step"]) == [3]


def test_a_torn_last_line_waits_until_it_is_whole(path: Path) -> None:
    text = HEADER + row(1) + row(2, "0.123456")
    for cut in range(len(text)):
        path.write_text(text[:cut])
        tail = CsvTail(path, COLUMNS)
        early = [int(s) for rows in all_rows(tail) for s in rows.values["step"]]
        path.write_text(text)
        late = [int(s) for rows in all_rows(tail) for s in rows.values["step"]]
        assert early + late == [1, 2]


def test_values_read_back_as_they_were_written(path: Path) -> None:
    losses = [0.1, 1e-45, -3.4028234663852886e38, math.inf, -math.inf, math.nan, 0.30000001192092896]
    path.write_text(HEADER + "".join(row(i + 1, repr(loss)) for i, loss in enumerate(losses)))
    rows = CsvTail(path, COLUMNS).read()
    assert rows is not None
    assert [repr(x) for x in rows.values["loss"]] == [repr(x) for x in losses]
    assert [repr(x) for x in rows.values["grad_norm"]] == ["nan"] * len(losses)


@pytest.mark.parametrize(
    "bad", ["x,y,z\n", "2,1,zero,,0.1,,\n", "2,1,0.5\n", "\n", "1,1,0.5,,0.1,,\n", "\x00\xff,,,\n", "nan,1,1,,1,,\n"]
)
def test_a_damaged_row_is_left_out_and_counted(path: Path, bad: str) -> None:
    path.write_text(HEADER + row(1) + bad + row(3), encoding="latin-1")
    rows = CsvTail(path, COLUMNS).read()
    assert rows is not None
    assert list(rows.values["step"]) == [1, 3]
    assert rows.damaged == 1


def test_a_file_larger_than_a_chunk_is_read_whole(path: Path) -> None:
    count = 50_000
    path.write_text(HEADER + "".join(row(i + 1, repr(i / 7)) for i in range(count)))
    chunks = all_rows(CsvTail(path, COLUMNS))
    assert len(chunks) > 1
    assert [loss for rows in chunks for loss in rows.values["loss"]] == [i / 7 for i in range(count)]


@pytest.mark.parametrize(("count", "whole"), [(1, True), (30, True), (3_000, True), (40_000, False)])
def test_a_glance_is_some_rows_from_all_over_the_file(path: Path, count: int, whole: bool) -> None:
    path.write_text(HEADER + "".join(row(step, repr(1 / step)) for step in range(1, count + 1)))
    tail = CsvTail(path, COLUMNS)
    glance = tail.glance()
    assert glance is not None
    steps = [int(step) for step in glance.values["step"]]
    assert steps == sorted({*steps})
    assert steps[-1] == count
    assert glance.values["loss"] == [1 / step for step in steps]
    assert max(after - before for before, after in zip([0, *steps], steps, strict=False)) <= max(1, count // 100)
    assert len(steps) == count if whole else 0.1 * count < len(steps) < 0.5 * count
    assert sum(map(len, all_rows(tail))) == count, "it is read as before"


@pytest.mark.parametrize("text", [None, "", HEADER, "a,b\n1,2\n", HEADER + "x" * 5000, HEADER + "1,2\n" * 900, "\x00\n" * 3000])
def test_where_there_are_no_rows_a_glance_finds_none(path: Path, text: str | None) -> None:
    if text is not None:
        path.write_text(text)
    assert CsvTail(path, COLUMNS).glance() is None


def test_a_file_with_another_header_is_not_read(path: Path) -> None:
    path.write_text("time,price\n1,2\n")
    assert all_rows(CsvTail(path, COLUMNS)) == []
