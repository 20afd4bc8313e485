"""The claims, judged from evidence made up for the purpose: each verdict in each direction."""

from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest

from gradtui.runs.results.claims import ARTICLES, CLAIMS, Claim, as_text, judge
from gradtui.runs.results.evidence import BlockMeans, Evidence, RunEvidence
from gradtui.runs.results.moves import Moves
from gradtui.runs.results.time_verdict import WorkerTimes
from gradtui.runs.tail import Chunk
from gradtui.settings import RunSettings

NAMES = ("step", "epoch", "loss", "grad_norm", "seconds", "fresh_grad_norm", "cosine")


def evidence(losses: list[float], norms: list[float] | None = None, fresh: list[float] | None = None) -> Evidence:
    result = Evidence(peak_memory_mb=300.0, memory_growth_mb=0.0)
    result.add_steps(steps(0, losses, norms, fresh))
    return result


def steps(before: int, losses: list[float], norms: list[float] | None = None, fresh: list[float] | None = None) -> Chunk:
    n = len(losses)
    columns = {
        "step": [float(before + i + 1) for i in range(n)],
        "epoch": [float(before + i + 1) for i in range(n)],
        "loss": losses,
        "grad_norm": norms or [1.0] * n,
        "seconds": [1e-4] * n,
        "fresh_grad_norm": fresh or [1.0] * n,
        "cosine": [1.0] * n,
    }
    return Chunk(NAMES, {name: array("d", values) for name, values in columns.items()}, before=before)


def moves_of(losses: list[float]) -> Moves:
    return evidence(losses).moves


def verdicts(left: Evidence, right: Evidence, ratios: list[float] | None = None, **given: Any) -> dict[str, str]:
    return {name: claim.verdict for name, claim in claims(left, right, ratios, **given).items()}


def claims(
    left: Evidence,
    right: Evidence,
    ratios: list[float] | None = None,
    *,
    test_samples: int = 297,
    shortfall: str = "",
    only_right_on: tuple[int, int] | None = None,
    gradient_mb: float | None = None,
    **given: object,
) -> dict[str, Claim]:
    probes = [WorkerTimes(ratios)] * 2 if ratios else []
    run = RunEvidence(RunSettings.parse(given), left, right, probes, test_samples, shortfall, only_right_on, gradient_mb)
    return {claim.claim: claim for claim in judge(run)}


FALLING = [0.9**i for i in range(60)]
WILD = [abs(math.sin(i + 1)) for i in range(60)]
FASTER, LOWER, ACCURATE, SHORTER, SMALLER, GROWS, STEADY, ACCUMULATE, DIVERGE, WORST, SAME = (
    claim.text for claim in CLAIMS[:11]
)


def test_a_run_that_is_as_the_articles_say() -> None:
    said = verdicts(evidence(FALLING), evidence(WILD, norms=[3.0] * 60))
    assert (said[FASTER], said[LOWER], said[STEADY], said[ACCUMULATE]) == ("holds",) * 4


def test_a_run_that_is_the_other_way_round() -> None:
    said = verdicts(evidence(WILD, norms=[3.0] * 60), evidence(FALLING))
    assert (said[FASTER], said[LOWER], said[STEADY], said[ACCUMULATE]) == ("does not hold",) * 4


def test_two_sides_that_do_the_same_differ_in_nothing() -> None:
    for losses in (FALLING, WILD, [math.nan] * 60, [1e9 * 2**i for i in range(60)]):
        said = verdicts(evidence(losses), evidence(losses), ratios=[random.Random(1).gauss(1, 0.01) for _ in range(20)])
        assert "holds" not in said.values()


def test_too_few_steps_tell_nothing_of_the_curve() -> None:
    said = verdicts(evidence(FALLING[:5]), evidence(WILD[:5]))
    assert (said[FASTER], said[STEADY]) == ("cannot tell",) * 2


def test_different_weights_at_the_start_tell_nothing_of_the_losses() -> None:
    said = verdicts(evidence(FALLING), evidence(WILD), init="independent")
    assert (said[FASTER], said[LOWER], said[DIVERGE]) == ("cannot tell",) * 3


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        *[(0.95, 0.91, "cannot tell"), (0.91, 0.90, "cannot tell"), (0.9, 0.9, "does not hold")],
        *[(0.1, 0.95, "does not hold"), (0.95, 0.1, "does not hold")],  # and not slightly
    ],
)
def test_accuracies_differ_only_beyond_what_the_test_samples_tell(left: float, right: float, verdict: str) -> None:
    a, b = evidence(FALLING), evidence(WILD)
    a.accuracy, b.accuracy = left, right
    assert verdicts(a, b)[ACCURATE] == verdict


def with_accuracies(left: float, right: float) -> tuple[Evidence, Evidence]:
    sides = evidence(FALLING), evidence(WILD)
    for side, accuracy in zip(sides, (left, right), strict=True):
        side.accuracy, side.accuracy_epoch = accuracy, 10
    return sides


@pytest.mark.parametrize(
    ("left", "right", "only", "verdict"),
    [
        (0.90, 0.88, (8, 2), "cannot tell"),  # p = 0.109
        (0.90, 0.87, (9, 0), "holds"),  # p = 0.004, where unpaired samples would tell nothing
        (0.87, 0.90, (0, 9), "does not hold"),
        (0.90, 0.90, (5, 5), "cannot tell"),
        (0.90, 0.90, (0, 0), "does not hold"),
    ],
)
def test_the_same_test_samples_tell_more_than_two_accuracies(
    left: float, right: float, only: tuple[int, int], verdict: str
) -> None:
    claim = claims(*with_accuracies(left, right), only_right_on=only)[ACCURATE]
    assert claim.verdict == verdict
    assert claim.measured.startswith(f"after 10 epochs: {100 * left:.1f} %")


def test_an_accuracy_that_is_much_higher_is_not_slightly_higher() -> None:
    claim = claims(*with_accuracies(0.83, 0.10), only_right_on=(220, 3))[ACCURATE]
    assert (claim.verdict, claim.why) == ("does not hold", "much higher")


def test_no_verdict_on_time_from_contended_or_too_few_slices() -> None:
    assert verdicts(evidence(FALLING), evidence(WILD), [0.5] * 40, schedule="parallel")[SHORTER] == "cannot tell"
    assert verdicts(evidence(FALLING), evidence(WILD), [0.5] * 3)[SHORTER] == "cannot tell"


def test_memory_counts_only_beyond_what_processes_differ_by() -> None:
    a, b = evidence(FALLING), evidence(WILD)
    assert (verdicts(a, b)[SMALLER], verdicts(a, b)[GROWS]) == ("does not hold", "cannot tell")  # 60 steps: too few for growth
    a, b = evidence(FALLING * 4), evidence(WILD * 4)
    assert (verdicts(a, b)[SMALLER], verdicts(a, b)[GROWS]) == ("does not hold", "does not hold")
    a.peak_memory_mb = None
    assert verdicts(a, b)[SMALLER] == "cannot tell"
    a.peak_memory_mb = 300.0
    b.peak_memory_mb, b.memory_growth_mb = 900.0, 500.0
    assert (verdicts(a, b)[SMALLER], verdicts(a, b)[GROWS]) == ("holds", "holds")


def test_what_the_noise_hides_is_not_judged() -> None:
    a, b = evidence(FALLING * 4), evidence(WILD * 4)
    for size, verdict in [(17.1, "does not hold"), (4.1, "does not hold"), (3.9, "cannot tell"), (0.0689, "cannot tell")]:
        said = claims(a, b, gradient_mb=size)
        assert (said[SMALLER].verdict, said[GROWS].verdict) == (verdict, verdict)
    assert said[GROWS].why == (
        "not measurable at this size: processes differ by up to 16 MB, 232 times all gradients (68.9 KB)"
    )
    b.peak_memory_mb, b.memory_growth_mb = 900.0, 500.0
    said = claims(a, b, gradient_mb=0.0689)
    assert (said[SMALLER].verdict, said[GROWS].verdict) == ("holds", "holds"), "what shows is measured"


def test_one_seed_of_a_random_experiment_is_likely_at_most() -> None:
    a, b = with_accuracies(0.90, 0.87)
    b.add_steps(steps(b.steps, [1.0] * 3, norms=[3.0] * 3))
    for side in (a, b):
        side.moves = moves_of(FALLING if side is a else WILD)
    for experiment in ("digits", "regression", "three_layer"):
        said = claims(a, b, only_right_on=(9, 0), experiment=experiment)
        for name in (FASTER, LOWER, ACCURATE, STEADY):
            assert said[name].verdict == "cannot tell"
            assert said[name].why.startswith("likely, in this seed: it holds")
            assert said[name].why.endswith("; --seeds 10 decides")
        assert said[ACCUMULATE].verdict == "holds", "that does not depend on the seed"
        other_way = claims(b, a, only_right_on=(0, 9), experiment=experiment)
        assert other_way[LOWER].why == "likely, in this seed: it does not hold; --seeds 10 decides"
    assert claims(a, b, only_right_on=(9, 0), experiment="linear")[LOWER].verdict == "holds"


@pytest.mark.parametrize("experiment", ["linear", "digits"])
def test_that_it_may_diverge_is_shown_by_one_run(experiment: str) -> None:
    gone = evidence([*FALLING[:30], *[math.inf] * 30])
    assert claims(evidence(FALLING), gone, experiment=experiment)[DIVERGE].verdict == "holds"
    refuted = claims(gone, evidence(FALLING), experiment=experiment)[DIVERGE].verdict
    assert refuted == ("does not hold" if experiment == "linear" else "cannot tell")


def test_a_claim_about_losses_says_after_how_much_training() -> None:
    a, b = evidence(FALLING), evidence([FALLING[0], *WILD[1:]])
    cases: list[tuple[dict[str, Any], str]] = [
        ({"epochs": 60}, "after 60 epochs"),
        ({"experiment": "digits", "epochs": 10}, "after 60 steps"),
        ({"experiment": "digits", "batch_size": 50, "epochs": 2}, "after 2 epochs"),
        ({"experiment": "script", "script": "train.py"}, "after 60 steps"),
    ]
    for given, horizon in cases:
        said = claims(a, b, **given)
        for name in (FASTER, LOWER, STEADY, DIVERGE):
            assert horizon in said[name].measured


def test_sides_that_did_not_both_finish_are_compared_up_to_where_they_got_and_that_is_said() -> None:
    why = "WITHOUT stopped at step 60 of 1,440"
    said = claims(evidence(FALLING), evidence(WILD), shortfall=why, epochs=1440)
    assert said[LOWER].why == f"{why}: compared up to there"
    assert said[LOWER].measured.startswith("mean of the last tenth, after 60 epochs: ")
    for name in (SMALLER, GROWS):
        assert (said[name].verdict, said[name].why) == ("cannot tell", why)
    assert claims(evidence(FALLING), evidence([]), shortfall=why)[LOWER].why == why


def test_losses_below_zero_have_no_tenth_to_reach() -> None:
    falls_below = [1.0 - 0.1 * i for i in range(60)]
    assert verdicts(evidence(falls_below), evidence(WILD))[FASTER] == "cannot tell"
    assert verdicts(evidence(WILD), evidence(falls_below))[FASTER] == "cannot tell"


@pytest.mark.parametrize("steps_taken", [1, 7])
def test_too_few_steps_tell_no_final_loss(steps_taken: int) -> None:
    assert verdicts(evidence(FALLING[:steps_taken]), evidence([5.0] * steps_taken))[LOWER] == "cannot tell"


def test_two_sides_that_are_not_finite_are_not_compared() -> None:
    gone = evidence([1.0] + [math.nan] * 59)
    said = verdicts(gone, gone)
    assert (said[LOWER], said[STEADY], said[FASTER]) == ("cannot tell",) * 3


def test_a_loss_that_stays_what_it_is_does_not_fall_steadily() -> None:
    claim = claims(evidence([1.0] * 60), evidence(WILD))[STEADY]
    assert (claim.verdict, claim.why) == ("does not hold", "WITH does not fall")


def test_a_script_whose_batches_differ_too_much_is_not_called_unsteady() -> None:
    script: dict[str, Any] = {"experiment": "script", "script": "train.py"}
    noisy = evidence([1.0 + 0.5 * math.sin(7 * i) - i / 100 for i in range(60)])
    assert claims(noisy, evidence(WILD), **script)[STEADY].why.startswith("the losses of single batches differ too much")
    assert claims(evidence(FALLING), evidence(WILD), **script)[STEADY].why.startswith("likely, in this seed: it holds")


def test_what_is_applied_counts_as_accumulated_if_it_differs_and_is_not_zero() -> None:
    for norms, verdict in [([3.0] * 60, "holds"), ([0.0] * 60, "does not hold"), ([1.0] * 60, "does not hold")]:
        claim = claims(evidence(FALLING), evidence(FALLING, norms=norms))[ACCUMULATE]
        assert claim.verdict == verdict
        assert ("nothing" in claim.why) == (norms[0] == 0.0)
    both = claims(evidence(FALLING, norms=[0.0] * 60), evidence(FALLING, norms=[3.0] * 60))
    assert both[ACCUMULATE].verdict == "holds"


def test_norms_of_an_older_version_were_taken_after_clipping_and_tell_nothing() -> None:
    a, b = evidence(FALLING), evidence(WILD, norms=[3.0] * 60)
    assert claims(a, b, clip_norm=0.5)[ACCUMULATE].verdict == "cannot tell"
    a.clipped = b.clipped = True
    claim = claims(a, b, clip_norm=0.5)[ACCUMULATE]
    assert claim.verdict == "holds"
    assert "clipping rewrites the stored sum" in claim.why


@pytest.mark.parametrize("bad", [math.nan, math.inf, 5000.0])
def test_divergence_is_named_on_the_side_that_has_it(bad: float) -> None:
    gone = [*FALLING[:30], *[bad] * 30]
    assert verdicts(evidence(FALLING), evidence(gone))[DIVERGE] == "holds"
    assert verdicts(evidence(gone), evidence(FALLING))[DIVERGE] == "does not hold"
    assert verdicts(evidence(FALLING), evidence(FALLING))[DIVERGE] == "cannot tell"


def test_block_means_are_those_of_equal_stretches() -> None:
    values = [float(i) for i in range(1000)]
    whole, in_parts = BlockMeans(), BlockMeans()
    whole.extend(values)
    for i in range(0, 1000, 37):
        in_parts.extend(values[i : i + 37])
    assert whole.all == in_parts.all
    assert whole.size == 8
    assert whole.all[0] == 3.5
    assert len(whole.all) <= 128


def test_each_article_is_named_once_below_the_claims_that_name_it() -> None:
    run = RunEvidence(RunSettings.parse({}), evidence(FALLING), evidence(WILD), [], test_samples=0)
    *_, first, second = as_text(judge(run)).splitlines()
    assert (first, second) == (f"article 1: {ARTICLES['1']}", f"article 2: {ARTICLES['2']}")
    only_first = as_text([Claim("a", "1", "", "holds", ""), Claim("b", "1", "", "holds", "")]).splitlines()
    assert only_first[2:] == [f"article 1: {ARTICLES['1']}"]


def test_claims_name_only_articles_that_are_known() -> None:
    named = [name for claim in CLAIMS for name in claim.article.split(", ")]
    assert set(named) == set(ARTICLES)
