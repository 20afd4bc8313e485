"""A verdict changes where its threshold says, and nowhere else: one value just within it, one just beyond."""

from __future__ import annotations

import itertools

import pytest

from gradtui.runs.results import thresholds
from gradtui.runs.results.claims import judge
from gradtui.runs.results.evidence import Evidence, RunEvidence
from gradtui.runs.results.rulings import HOLDS, UNKNOWN
from gradtui.settings import RunSettings
from tests.unit.test_claims import ACCURATE, FALLING, GROWS, LOWER, SMALLER, STEADY, WILD, evidence, verdicts

STRETCHES = 50


def with_rises(share: float) -> Evidence:
    """A loss that falls by 2 % of the first loss a step, except in this share of the stretches, where it rises by as much."""
    rising = round(share * STRETCHES)
    changes = [0.02] * rising + [-0.02] * (STRETCHES - rising)
    return evidence([*itertools.accumulate(changes, initial=1.0)])


@pytest.mark.parametrize(("left", "right", "verdict"), [(0.1, 0.26, HOLDS), (0.12, 0.26, UNKNOWN), (0.1, 0.24, UNKNOWN)])
def test_steady_and_erratic(left: float, right: float, verdict: str) -> None:
    assert with_rises(left).share_of_rises == pytest.approx(left)
    assert verdicts(with_rises(left), with_rises(right))[STEADY] == verdict


@pytest.mark.parametrize(("growth", "rises"), [(0.0099, 0.0), (0.0101, 1.0)])
def test_a_rise_counts_from_a_share_of_the_first_loss(growth: float, rises: float) -> None:
    assert evidence([1.0 + growth * i for i in range(20)]).share_of_rises == rises


@pytest.mark.parametrize(("losses", "known"), [(7, False), (8, True)])
def test_few_points_have_no_shape(losses: int, known: bool) -> None:
    assert (evidence([1.0] * losses).share_of_rises is not None) is known


@pytest.mark.parametrize(("right", "verdict"), [(1.0, "does not hold"), (1.009, UNKNOWN), (1.011, HOLDS)])
def test_final_losses_differ_by_more_than_a_hundredth(right: float, verdict: str) -> None:
    assert verdicts(evidence([1.0] * 60), evidence([right] * 60))[LOWER] == verdict


def test_the_final_loss_is_the_mean_of_the_last_tenth() -> None:
    losses = [5.0] * 90 + [float(i) for i in range(10)]
    assert evidence(losses).final_loss == 4.5


@pytest.mark.parametrize(("rest", "at"), [(0.1, 2), (0.1001, None)])
def test_a_side_has_converged_at_a_tenth_of_its_first_loss(rest: float, at: int | None) -> None:
    assert evidence([1.0] + [rest] * 30).converged_at(thresholds.CONVERGED_SHARE) == at


@pytest.mark.parametrize(("worst", "at"), [(1000.0, None), (1000.1, 21)])
def test_a_loss_explodes_above_a_thousand_times_the_first(worst: float, at: int | None) -> None:
    assert evidence([1.0] * 20 + [worst]).exploded_at == at


@pytest.mark.parametrize(("norm", "differs"), [(1.009, False), (1.011, True), (0.991, False), (0.989, True)])
def test_gradients_differ_by_more_than_a_hundredth(norm: float, differs: bool) -> None:
    excess = evidence([1.0] * 20, norms=[norm] * 20).gradient_excess
    assert excess is not None
    assert excess.differs is differs


@pytest.mark.parametrize(("right", "slightly"), [(0.951, ""), (0.949, "and not slightly")])
def test_what_is_slight(right: float, slightly: str) -> None:
    left_side, right_side = evidence(FALLING), evidence(WILD)
    left_side.accuracy, right_side.accuracy = 1.0, right
    run = RunEvidence(RunSettings.parse({}), left_side, right_side, [], test_samples=100_000)
    assert [claim.why for claim in judge(run) if claim.claim == ACCURATE] == [slightly]


@pytest.mark.parametrize(("left", "right", "verdict"), [(0.50, 0.58, UNKNOWN), (0.58, 0.50, UNKNOWN), (0.60, 0.50, HOLDS)])
def test_accuracies_differ_by_more_than_two_standard_errors(left: float, right: float, verdict: str) -> None:
    """With 297 samples, two standard errors are 8.2 points."""
    a, b = evidence(FALLING), evidence(WILD)
    a.accuracy, b.accuracy = left, right
    assert verdicts(a, b)[ACCURATE] == verdict


@pytest.mark.parametrize(("peak", "verdict"), [(316.0, "does not hold"), (317.0, HOLDS)])
def test_a_small_process_has_less_memory_from_16_mb_on(peak: float, verdict: str) -> None:
    a, b = evidence(FALLING), evidence(WILD)
    b.peak_memory_mb = peak  # the other has 300 MB, of which 5 % are 15 MB
    assert verdicts(a, b)[SMALLER] == verdict


@pytest.mark.parametrize(("peak", "verdict"), [(1052.0, "does not hold"), (1053.0, HOLDS)])
def test_a_large_process_has_less_memory_from_a_twentieth_on(peak: float, verdict: str) -> None:
    a, b = evidence(FALLING), evidence(WILD)
    a.peak_memory_mb, b.peak_memory_mb = 1000.0, peak
    assert verdicts(a, b)[SMALLER] == verdict


@pytest.mark.parametrize(
    ("steps", "left", "right", "verdict"),
    [
        (99, 0.0, 17.0, UNKNOWN),
        (100, 0.0, 17.0, HOLDS),
        (100, 0.0, 16.0, "does not hold"),
        (100, 8.4, 17.0, HOLDS),
        (100, 8.5, 17.0, "does not hold"),
    ],
)
def test_memory_grows(steps: int, left: float, right: float, verdict: str) -> None:
    a, b = evidence([1.0] * steps), evidence([1.0] * steps)
    a.memory_growth_mb, b.memory_growth_mb = left, right
    assert verdicts(a, b)[GROWS] == verdict
