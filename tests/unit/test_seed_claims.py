"""The claims that several seeds decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.seed_claims import accuracy_slightly_higher, converges_faster, final_loss_lower, may_diverge
from gradtui.runs.results.seed_results import SeedResults, SideSeeds, differences, median_over_seeds
from gradtui.settings import RunSettings

NAN = math.nan
DIGITS = RunSettings.parse({"experiment": "digits"})
LINEAR = RunSettings.parse({"experiment": "linear"})
SEEDS = 10


def side(
    final_loss: float | Sequence[float] = 0.5,
    accuracy: float | Sequence[float] | None = None,
    converged_at: int | Sequence[int | None] | None = None,
    diverged: int = 0,
    seeds: int = SEEDS,
) -> SideSeeds:
    """A side whose seeds differ a little; ``diverged`` of them are not finite from step 7 on."""
    losses = [final_loss * (1 + seed / 100) for seed in range(seeds)] if isinstance(final_loss, float) else final_loss
    if isinstance(accuracy, float):
        accuracy = [accuracy + (seed % 3) / 1000 for seed in range(seeds)]
    if not isinstance(converged_at, Sequence):
        converged_at = [converged_at] * seeds
    return SideSeeds(losses, losses, [7 if seed < diverged else None for seed in range(seeds)], accuracy, converged_at, losses)


def seeds_of(left: SideSeeds, right: SideSeeds) -> SeedResults:
    return SeedResults(tuple(range(42, 42 + len(left.final_loss))), left, right, finished=True)


def test_the_differences_of_a_run_are_judged_together() -> None:
    both = differences(seeds_of(side(0.5, 0.9), side(0.8, 0.8)))
    assert [*both] == ["final_loss", "accuracy"]
    assert [(known.unit, known.verdict, known.better) for known in both.values()] == [
        ("log ratio", "surely", "left"),
        ("points", "surely", "left"),
    ]
    assert [*differences(seeds_of(side(), side()))] == ["final_loss"]
    six = seeds_of(side(0.5, 0.9, seeds=6), side(0.8, [0.9] * 6, seeds=6))
    assert differences(six)["final_loss"].verdict == "likely", "6 to 0 has p = 0.03, which is for one quantity alone"


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (side(0.5), side(0.8), HOLDS),
        (side(0.8), side(0.5), FAILS),
        (side(0.5), side([0.5 * (1 + (seed + seed % 2 - 0.5) / 100) for seed in range(SEEDS)]), FAILS),
        (side(0.5), side(0.5), FAILS),
        (side(0.5, seeds=3), side([0.8, 0.81, 0.82], seeds=3), UNKNOWN),
        (side(0.5, seeds=2), side(0.8, seeds=2), UNKNOWN),
        (side(0.5), side([NAN] * SEEDS), HOLDS),
        (side([NAN] * 3, seeds=3), side(0.5, seeds=3), UNKNOWN),
        (side([NAN] * SEEDS), side([NAN] * SEEDS), UNKNOWN),
        (side([0.5, 0.9] * 5), side([0.9, 0.5] * 5), UNKNOWN),
    ],
)
def test_the_final_loss(left: SideSeeds, right: SideSeeds, verdict: str) -> None:
    assert final_loss_lower(seeds_of(left, right), LINEAR)[1] == verdict


def test_what_is_likely_is_said_but_does_not_hold() -> None:
    measured, verdict, why = final_loss_lower(seeds_of(side(0.5, seeds=3), side([0.8, 0.81, 0.82], seeds=3)), LINEAR)
    assert (verdict, why) == (UNKNOWN, "WITH is likely better, but these seeds are not enough to be sure")
    assert measured.startswith("mean of the last tenth, median: 0.505 and 0.81; 3 seeds: 3 to 0, ratio 0.62")


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (0.92, 0.90, HOLDS),
        (0.90, 0.17, FAILS),
        (0.90, 0.92, FAILS),
        ([0.9, 0.902] * 5, [0.902, 0.9] * 5, FAILS),
        ([0.90 + 0.04 * (seed % 2) for seed in range(SEEDS)], 0.87, UNKNOWN),
        (0.90, None, UNKNOWN),
    ],
)
def test_the_accuracy_is_slightly_higher(left: float | list[float], right: float | list[float] | None, verdict: str) -> None:
    assert accuracy_slightly_higher(seeds_of(side(accuracy=left), side(accuracy=right)), DIGITS)[1] == verdict


def test_a_sure_difference_that_hardly_matters_is_told_as_such() -> None:
    assert final_loss_lower(seeds_of(side(0.5), side(0.501)), LINEAR)[1:] == (HOLDS, "surely, though by less than 2 %")
    assert final_loss_lower(seeds_of(side(0.5), side(0.6)), LINEAR)[1:] == (HOLDS, "surely")


def test_much_higher_is_not_slightly() -> None:
    why = accuracy_slightly_higher(seeds_of(side(accuracy=0.9), side(accuracy=0.17)), DIGITS)[2]
    assert "much higher" in why


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (range(20, 30), range(40, 50), HOLDS),
        (range(40, 50), range(20, 30), FAILS),
        ([20] * SEEDS, [20] * SEEDS, FAILS),
        ([20] * SEEDS, [None] * SEEDS, HOLDS),
        ([None] * SEEDS, [20] * SEEDS, FAILS),
        ([20] * 4 + [None] * 6, [None] * SEEDS, UNKNOWN),
        ([None] * SEEDS, [None] * SEEDS, UNKNOWN),
    ],
)
def test_convergence(left: Sequence[int | None], right: Sequence[int | None], verdict: str) -> None:
    assert converges_faster(seeds_of(side(converged_at=left), side(converged_at=right)), LINEAR)[1] == verdict


def test_convergence_is_compared_in_samples() -> None:
    settings = RunSettings.parse({"experiment": "digits", "left": "accumulate", "k": 4})
    assert converges_faster(seeds_of(side(converged_at=10), side(converged_at=30)), settings)[1] == FAILS


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (0, 10, HOLDS),
        (0, 7, HOLDS),
        (0, 6, UNKNOWN),
        (2, 10, HOLDS),
        (0, 3, UNKNOWN),
        (0, 0, UNKNOWN),
        (10, 0, FAILS),
        (10, 10, FAILS),
        (4, 4, UNKNOWN),
    ],
)
def test_divergence(left: int, right: int, verdict: str) -> None:
    assert may_diverge(seeds_of(side(diverged=left), side(diverged=right)), LINEAR)[1] == verdict


@pytest.mark.parametrize("ruling", [final_loss_lower, accuracy_slightly_higher, converges_faster, may_diverge])
def test_nothing_is_told_of_sides_that_have_not_finished(ruling: Callable[[SeedResults, RunSettings], Ruling]) -> None:
    done = seeds_of(side(0.5, 0.9, 20), side(0.9, 0.85, None, diverged=SEEDS))
    assert ruling(done, DIGITS)[1] == HOLDS or ruling is accuracy_slightly_higher
    assert ruling(replace(done, finished=False), DIGITS)[1:] == (UNKNOWN, "not both sides have trained to the end")


def test_the_median_counts_nan_as_the_largest() -> None:
    assert median_over_seeds([3.0, NAN, 1.0]) == 3.0
    assert math.isnan(median_over_seeds([NAN, 1.0, NAN]))
    assert median_over_seeds([2.0, math.inf, 1.0, 4.0]) == 3.0
    assert median_over_seeds([1.0, math.inf, math.inf, 4.0]) == math.inf
    assert math.isnan(median_over_seeds([1.0, 2.0, NAN, NAN]))
