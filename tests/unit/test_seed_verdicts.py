"""What several seeds show: each verdict, and where it changes into another."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from gradtui.runs.results.statistics import (
    CANNOT_TELL,
    LIKELY,
    LOG_RATIO,
    LOSS,
    NO_DIFFERENCE,
    POINTS,
    SURELY,
    Difference,
    Paired,
    judged,
    t_test,
)
from gradtui.runs.results.thresholds import SEEDS_TO_JUDGE

NAN, INF = math.nan, math.inf


def points(differences: Sequence[float]) -> Paired:
    """Accuracies whose left side is better by these many points."""
    return Paired([0.5 + value / 100 for value in differences], [0.5] * len(differences), POINTS)


def losses(*pairs: tuple[float, float]) -> Paired:
    return Paired([left for left, _ in pairs], [right for _, right in pairs], LOG_RATIO)


def only(pair: Paired) -> Difference:
    return judged([pair])[0]


def said(difference: Difference) -> tuple[str, str | None]:
    return difference.verdict, difference.better


ADAGRAD = [-3.1, -2.9, -2.6, -2.6, -2.4, -2.2, -2.1, -1.9, -1.8, -1.6, -1.4, -1.2, -0.9, 0.3, 0.6, 0.9]
"""Sixteen seeds, 13 to 3 for the right side, clearly so by the t test."""


def test_thirteen_to_three_is_told() -> None:
    alone = only(points(ADAGRAD))
    assert (alone.left_wins, alone.right_wins, alone.ties) == (3, 13, 0)
    assert alone.p_t < 0.001
    assert alone.p_sign == pytest.approx(0.0213, abs=1e-4)
    assert said(alone) == (SURELY, "right")
    table = judged([points(ADAGRAD), *[points([1.0, -1.0] * 8)] * 17])
    assert said(table[0]) == (LIKELY, "right"), "one of 18"


def test_three_seeds_are_likely_at_most() -> None:
    assert said(only(points([80.0, 81.0, 82.0]))) == (LIKELY, "left")
    assert said(only(points([80.0, 81.0]))) == (CANNOT_TELL, None)
    assert said(only(points([80.0]))) == (CANNOT_TELL, None)
    assert said(only(Paired([], [], POINTS))) == (CANNOT_TELL, None)


def test_a_table_of_18_is_sure_with_the_default_number_of_seeds_and_not_with_one_less() -> None:
    for seeds, verdict in ((SEEDS_TO_JUDGE, SURELY), (SEEDS_TO_JUDGE - 1, LIKELY)):
        clear = points([20.0 + seed for seed in range(seeds)])
        rest = points([3.0 * (-1) ** seed for seed in range(seeds)])
        assert judged([clear, *[rest] * 17])[0].verdict == verdict


def test_both_tests_have_to_be_sure_and_agree() -> None:
    outlier = only(points([*[1.0] * 9, 60.0]))
    assert outlier.p_sign < 0.01
    assert outlier.p_t > 0.05
    assert said(outlier) == (CANNOT_TELL, None)
    large_and_small = only(points([10.0] * 4 + [-0.1] * 6))
    assert large_and_small.p_t < 0.05
    assert said(large_and_small) == (CANNOT_TELL, None), "left by the mean, right by most seeds"
    opposed = only(points([100.0] * 4 + [-0.1] * 16))
    assert max(opposed.p_t, opposed.p_sign) < 0.05
    assert said(opposed) == (CANNOT_TELL, None)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.0] * 3, NO_DIFFERENCE),
        ([0.0] * 2, CANNOT_TELL),
        ([0.0] * 20, NO_DIFFERENCE),
        ([0.4, -0.4] * 5, NO_DIFFERENCE),
        ([4.0, -4.0] * 5, CANNOT_TELL),
        ([1.3, 0.3, -1.1, 0.9, -0.7, -0.3], NO_DIFFERENCE),
        ([1.9, 0.3, -1.1, 1.5, -1.3, -0.9], CANNOT_TELL),
    ],
)
def test_no_difference_is_within_a_point(differences: list[float], verdict: str) -> None:
    assert said(only(points(differences))) == (verdict, None)


def test_no_difference_of_losses_is_within_two_per_cent() -> None:
    assert only(losses(*[(1.0, 1.005), (1.005, 1.0)] * 4)).verdict == NO_DIFFERENCE
    assert only(losses(*[(1.0, 1.05), (1.05, 1.0)] * 4)).verdict == CANNOT_TELL


def test_losses_compare_by_their_ratio_and_the_lower_wins() -> None:
    difference = only(losses(*[(10.0**-seed, 2 * 10.0**-seed) for seed in range(10)]))
    assert (difference.unit, said(difference)) == (LOG_RATIO, (SURELY, "left"))
    assert difference.mean == pytest.approx(-math.log(2))
    assert (difference.left_wins, difference.right_wins) == (10, 0)
    tiny = only(losses(*[(5e-324, 1e300), (5e-324, 1e301), (5e-324, 1e302)]))
    assert math.isfinite(tiny.mean)


def test_a_finite_side_alone_wins_its_seeds_and_six_are_needed_to_be_sure() -> None:
    three, five, six = (only(losses(*[(1.0, bad)] * seeds)) for seeds, bad in ((3, NAN), (5, INF), (6, -INF)))
    assert (said(three), three.p_sign) == ((CANNOT_TELL, None), 0.25)
    assert said(five) == (CANNOT_TELL, None)
    assert said(six) == (SURELY, "left")
    assert math.isnan(six.mean)
    assert math.isnan(six.p_t)
    assert six.as_dict()["p_t"] is None
    table = judged([losses(*[(NAN, 1.0)] * SEEDS_TO_JUDGE), *[losses()] * 17])
    assert said(table[0]) == (SURELY, "right"), "10 to 0 is sure in a table of 18"


def test_seeds_in_which_neither_side_is_finite_are_ties() -> None:
    neither = only(losses(*[(NAN, INF)] * 10))
    assert (neither.ties, said(neither)) == (10, (CANNOT_TELL, None))
    some = only(losses(*[(NAN, NAN)] * 2, *[(1.0, 1.0)] * 8))
    assert (some.ties, said(some)) == (10, (NO_DIFFERENCE, None))


def test_the_t_test_uses_the_finite_pairs() -> None:
    pairs = [(1.0 + 0.1 * seed, 2.0 + 0.05 * seed**1.5) for seed in range(9)]
    difference = only(losses(*pairs, (1.0, NAN)))
    assert difference.p_t == pytest.approx(t_test([math.log(a / b) for a, b in pairs]))
    assert (difference.left_wins, said(difference)) == (10, (SURELY, "left"))


def test_the_t_test_says_nothing_about_the_seeds_that_it_leaves_out() -> None:
    """Left is better where both are finite, and not finite elsewhere: the t test alone would call it better."""
    survivors = [(1.0 + seed / 10, 2.0 + seed / 9) for seed in range(6)]
    difference = only(losses(*survivors, *[(NAN, 2.0)] * 4))
    assert difference.p_t < 0.05
    assert said(difference) == (CANNOT_TELL, None), "6 to 4"
    few = only(losses((1.0, 1.2), (1.3, 1.25), (1.0, 1.01), *[(2.0, NAN)] * 7))
    assert few.p_t > 0.05
    assert said(few) == (SURELY, "left"), "9 to 1 by the sign test, with too few pairs for the t test"


def test_one_seed_that_is_not_finite_rules_out_no_difference() -> None:
    for odd in ((1.0, NAN), (NAN, 1.0), (0.0, 1.0), (1.0, 0.0)):
        assert only(losses(*[(1.0, 1.0)] * 9, odd)).verdict == CANNOT_TELL


def test_a_loss_of_zero_is_lower_than_any_other() -> None:
    """However the others scatter, as those of `linear` do."""
    difference = only(losses(*[(0.0, 10.0**seed) for seed in range(10)]))
    assert (difference.unit, difference.left_wins, said(difference)) == (LOG_RATIO, 10, (SURELY, "left"))
    assert said(only(losses(*[(1.0, 0.0)] * 3))) == (CANNOT_TELL, None)
    nearly = only(losses(*[(1e-30 * 3**seed, 0.3) for seed in range(9)], (0.0, 0.3)))
    assert said(nearly) == (SURELY, "left")
    assert only(losses(*[(0.0, 0.0)] * 5)).verdict == NO_DIFFERENCE


def test_negative_losses_are_subtracted() -> None:
    difference = only(losses(*[(-2.0 + seed / 10, -1.0 + seed / 9) for seed in range(10)]))
    assert (difference.unit, said(difference)) == (LOSS, (SURELY, "left"))
    assert difference.mean == pytest.approx(-1.05)
    assert only(losses(*[(-1.0, -1.005), (-1.005, -1.0)] * 4)).verdict == NO_DIFFERENCE
    assert only(losses(*[(-1.0, -1.2), (-1.2, -1.0)] * 4)).verdict == CANNOT_TELL


# By simulation


def share_of_false_tables(seeds: int, tables: int, *, finite: float = 1.0) -> float:
    """The share of tables of 18 cells without any difference that have a ``surely``."""
    chance = random.Random(seeds)

    def null() -> Paired:
        def side() -> list[float]:
            return [math.exp(chance.gauss(0, 1)) if chance.random() < finite else NAN for _ in range(seeds)]

        return Paired(side(), side(), LOG_RATIO)

    false = sum(any(d.verdict == SURELY for d in judged([null() for _ in range(18)])) for _ in range(tables))
    return false / tables


def power(seeds: int, repetitions: int) -> float:
    """How often an effect of one standard deviation is sure, in a single cell."""
    chance = random.Random(seeds)
    cells = (points([chance.gauss(1, 1) for _ in range(seeds)]) for _ in range(repetitions))
    return sum(said(only(cell)) == (SURELY, "left") for cell in cells) / repetitions


@pytest.mark.parametrize("seeds", [3, 10, 20])
def test_a_table_without_differences_is_rarely_sure_of_one(seeds: int) -> None:
    assert share_of_false_tables(seeds, 60) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("finite", [1.0, 0.7])
@pytest.mark.parametrize("seeds", [3, 10, 20])
def test_at_most_one_table_in_20_is_falsely_sure(seeds: int, finite: float) -> None:
    assert share_of_false_tables(seeds, 2000, finite=finite) <= 0.05


def test_power_grows_with_the_seeds() -> None:
    powers = [power(seeds, 150) for seeds in (3, 5, 10, 20, 50)]
    assert powers == sorted(powers)
    assert powers[0] == powers[1] == 0.0, "the sign test needs six seeds"


@pytest.mark.slow
def test_power_for_one_standard_deviation() -> None:
    """The sign test bounds it: 0.92 at 20 seeds, 0.99 at 50."""
    powers = [power(seeds, 2000) for seeds in (3, 5, 10, 20, 50)]
    assert powers == sorted(powers)
    assert powers[3] >= 0.85
    assert powers[4] >= 0.97
