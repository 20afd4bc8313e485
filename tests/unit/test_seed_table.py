"""The results table of a run with several seeds."""

from __future__ import annotations

import math

import pytest

from gradtui.runs.results import table
from gradtui.runs.results.reader import read_results
from gradtui.runs.results.seed_results import SeedResults, SideSeeds, differences
from gradtui.runs.results.seed_table import has_interval, heading, seed_rows
from gradtui.runs.results.statistics import median_interval
from tests.made_up_seeds import falling, seeded_run

NAMES = ("WITH", "WITHOUT")
DIFFERENCE_SPACE = 21
"""Columns that an 80-column terminal leaves for the difference."""
VALUE_SPACE = 17


def side(losses: list[float], accuracies: list[float] | None = None) -> SideSeeds:
    diverged = [None if math.isfinite(loss) else 7 for loss in losses]
    return SideSeeds(losses, [loss / 2 for loss in losses], diverged, accuracies, [None] * len(losses))


def rows(left: SideSeeds, right: SideSeeds, *, finished: bool = True) -> dict[str, tuple[str, str, str]]:
    results = SeedResults(tuple(range(len(left.final_loss))), left, right, finished)
    judged = differences(results) if finished else {}
    return {row.label: (row.left, row.right, row.difference) for row in seed_rows(results, judged, NAMES)}


LEFT = [0.30, 0.31, 0.32, 0.29, 0.28, 0.33, 0.30, 0.31, 0.29, 0.32]
RIGHT = [0.61, 0.60, 0.66, 0.57, 0.58, 0.64, 0.62, 0.59, 0.60, 0.65]


def test_each_side_has_a_median_with_its_interval_and_the_difference_a_verdict_with_its_own() -> None:
    said = rows(side(LEFT), side(RIGHT))
    low, high = median_interval(LEFT)
    assert said["final loss"] == ("0.305", "0.605", "surely WITH lower")
    assert said["  95 % interval"][0] == f"{low}–{high}" == "0.29–0.32"
    assert said["  95 % interval"][2].startswith("0.498x (0.4")
    assert said["  seeds won"] == ("10 of 10", "0 of 10", "")
    assert said["not finite"] == ("all finite", "all finite", "")


def test_the_better_accuracy_is_the_higher_one() -> None:
    said = rows(side(LEFT, [0.8 + i / 100 for i in range(10)]), side(RIGHT, [0.7 + i / 90 for i in range(10)]))
    assert said["accuracy"] == ("84.5 %", "75.0 %", "surely WITH higher")
    assert said["  95 % interval"][2].endswith(" points"), "the accuracy's interval is the last"


def test_few_seeds_have_no_interval_of_their_median() -> None:
    assert [n for n in range(1, 10) if has_interval(n)] == [6, 7, 8, 9]
    said = rows(side(LEFT[:3]), side(RIGHT[:3]))
    assert said["  min to max"][:2] == ("0.3–0.32", "0.6–0.66")
    assert said["final loss"][2] == "likely WITH lower"


def test_seeds_that_are_not_finite_are_worse_than_all_others() -> None:
    said = rows(side(LEFT), side([*RIGHT[:4], *[math.nan] * 6]))
    assert said["final loss"][:2] == ("0.305", "not finite")
    assert said["  95 % interval"][1] == "from 0.6"
    assert said["not finite"] == ("all finite", "6 of 10 seeds", "")
    assert rows(side([math.nan] * 10), side([math.inf] * 10))["  95 % interval"][:2] == ("not finite", "not finite")


def test_before_the_end_nothing_is_judged() -> None:
    said = rows(side(LEFT), side(RIGHT), finished=False)
    assert said["final loss"] == ("0.305", "0.605", "judged at the end")
    assert "  seeds won" not in said


def test_before_the_first_step_nothing_is_known() -> None:
    nothing = SideSeeds([math.nan] * 3, [math.nan] * 3, [None] * 3, None, [None] * 3)
    assert {*rows(nothing, side(LEFT[:3]), finished=False).values()} == {("–", "–", "")}


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1234.5])
def test_it_fits_an_80_column_terminal(scale: float) -> None:
    left = side([scale * loss for loss in LEFT], [0.912] * 9 + [0.92])
    right = side([scale * loss for loss in RIGHT], [0.1 + i / 100 for i in range(10)])
    for a, b in ((left, right), (right, left), (left, left)):
        for values in rows(a, b).values():
            assert max(map(len, values[:2])) <= VALUE_SPACE
            assert len(values[2]) <= DIFFERENCE_SPACE
    head = heading(10, NAMES)
    assert len(head.difference) <= DIFFERENCE_SPACE


def test_the_table_of_a_run_begins_with_what_is_known_of_each_seed() -> None:
    results = read_results(seeded_run(falling(10, 100, 0), falling(10, 100, 1)))
    lines = table.as_text(results).split("\n")
    assert lines[0].split("  ")[0] == "median, 10 seeds"
    assert [line.split("  ")[0] for line in lines].count("final loss") == 1
    assert "gradient norm" in table.as_text(results)
    single = read_results(seeded_run(falling(1, 100, 0), falling(1, 100, 1)))
    assert table.head(single).difference == "difference"
