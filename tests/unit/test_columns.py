"""What is declared of a column is what is written, read, exported, drawn and listed in the README."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gradtui.runs import columns
from gradtui.runs.columns import COUNT, EPOCHS, INDEX, NUMBER, STEPS, TABLES, TIME, VALUE, Column, Kind, RowFormat, RowPattern
from gradtui.runs.packed import PACKED
from gradtui.tui.instruments import QUANTITIES

README = Path(__file__).parents[2] / "README.md"
DENSE: dict[str, list[float]] = {
    "step": [1, 2],
    "epoch": [1, 1],
    "loss": [0.1, math.inf],
    "seconds": [0.25, 1e-7],
    "optimizer": [1, 12],
}
MEASURED: dict[int, dict[str, float]] = {1: {"grad_norm": 1 / 3, "fresh_grad_norm": math.nan, "cosine": 1 / 3}}


def test_rows_are_written_in_the_order_of_the_declaration() -> None:
    rows = RowFormat(STEPS.columns)
    assert rows.header == "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine,clipped_norm,optimizer\n"
    assert rows.rows(DENSE, MEASURED) == [
        "1,1,0.1,,0.2500000,,,,1\n",
        "2,1,inf,0.3333333333333333,0.0000001,nan,0.333333,,12\n",
    ]


def test_a_run_of_an_experiment_lacks_the_columns_of_scripts() -> None:
    rows = RowFormat(STEPS.columns_of(script=False))
    assert rows.header == "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"
    assert rows.rows(DENSE, {})[0] == "1,1,0.1,,0.2500000,,\n"


def test_only_a_run_that_clips_has_the_clipped_norm() -> None:
    rows = RowFormat(STEPS.columns_of(script=False, clips=True))
    assert rows.header == "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine,clipped_norm\n"
    assert rows.rows(DENSE, {1: {**MEASURED[1], "clipped_norm": 0.25}}) == [
        "1,1,0.1,,0.2500000,,,\n",
        "2,1,inf,0.3333333333333333,0.0000001,nan,0.333333,0.25\n",
    ]


def test_what_a_row_lacks_is_empty() -> None:
    assert RowFormat(EPOCHS.columns).row(epoch=1, step=20, accuracy=0.5) == "1,20,,0.5\n"


@pytest.mark.parametrize(
    ("kind", "sound", "damaged"),
    [
        (COUNT, ["1", "999999999999999"], ["", "0", "01", "+1", "1.0", "1_0", " 1", "٣", "1000000000000000"]),
        (INDEX, ["0", "7"], ["", "00", "-1", "1e3"]),
        (
            NUMBER,
            ["", "1", "-0.5", ".5", "1.", "1e-45", "nan", "-inf"],
            ["1_0", "infinity", " 1", "1 ", "NaN", "0x1", "٣"],
        ),
        (VALUE, ["0", "nan"], ["", "infinity"]),
        (TIME, ["0", "0.0000001", "1e12"], ["", "-1", "inf", "nan", "1.1e12", "1_0"]),
    ],
    ids=["count", "index", "number", "value", "time"],
)
def test_a_kind_reads_what_is_written_and_nothing_else(kind: Kind, sound: list[str], damaged: list[str]) -> None:
    for text in sound:
        assert repr(kind.read(text)) == repr(float(text or "nan"))
    for text in damaged:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            kind.read(text)


def test_what_is_written_is_read_back() -> None:
    rows = RowFormat(STEPS.columns)
    pattern = RowPattern(rows.header.rstrip(), STEPS, STEPS.columns)
    assert [pattern.fields(row.rstrip()) for row in rows.rows(DENSE, MEASURED)] == [
        ("1", "1", "0.1", "", "0.2500000", "", "", "", "1"),
        ("2", "1", "inf", "0.3333333333333333", "0.0000001", "nan", "0.333333", "", "12"),
    ]


@pytest.mark.parametrize(
    "row", ["1,1,0.5,,0.1", "3,0,0.5,,0.1", "3,1,0.5,,-1", "3,1,0.5,,inf", "3,1,1_0,,0.1", "3,1,0.5,,0.1,"]
)
def test_an_exporter_skips_damaged_rows(row: str) -> None:
    pattern = RowPattern("step,epoch,loss,grad_norm,seconds", STEPS, [STEPS["step"], STEPS["loss"], STEPS["cosine"]])
    assert pattern.fields("2,1,0.25,,0.1") == ("2", "0.25", "")
    assert pattern.fields(row) is None


def test_a_required_column_may_not_be_missing() -> None:
    assert RowPattern("step,loss", STEPS, [STEPS["loss"], STEPS["cosine"]]).fits
    assert not RowPattern("step,epoch", STEPS, [STEPS["loss"]]).fits
    assert not RowPattern("epoch,loss", STEPS, [STEPS["loss"]]).fits, "the rows would have no order"


def test_a_column_that_is_added_is_written_and_read() -> None:
    """The one declaration is enough: nothing else lists the columns."""
    more = replace(STEPS, columns=(*STEPS.columns_of(script=False), Column("noise", NUMBER, "a test", sparse=True)))
    rows = RowFormat(more.columns)
    text = rows.rows(DENSE, {0: {**MEASURED[1], "noise": 2.0}})
    assert text == ["1,1,0.1,0.3333333333333333,0.2500000,nan,0.333333,2.0\n", "2,1,inf,,0.0000001,,,\n"]
    pattern = RowPattern(rows.header.rstrip(), more, [more["step"], more["noise"]])
    assert [pattern.fields(row.rstrip()) for row in text] == [("1", "2.0"), ("2", "")]


def test_the_charts_draw_what_is_declared_first_what_every_row_has() -> None:
    assert [quantity.name for quantity in QUANTITIES] == [
        "loss",
        "test loss",
        "accuracy",
        "gradient norm, applied",
        "gradient norm, fresh",
        "cosine of applied and fresh",
        "lr × sharpness",
    ]


def test_what_the_app_reads_of_a_long_run_is_packed() -> None:
    read = {column.name for column in STEPS.columns_of(script=False, clips=True)} - {"epoch"}
    assert read <= {*PACKED}, "a column that every row has needs a place in packed.py, or long runs open slowly"


def test_names_are_unique_and_each_column_says_what_it_means() -> None:
    for table in TABLES:
        assert len({*table.names}) == len(table.names)
        assert all(column.meaning for column in table.columns)


def test_the_readme_lists_every_column() -> None:
    assert columns.markdown() in README.read_text(encoding="utf-8"), "put what columns.markdown() gives into the README"
