"""The claims, judged from evidence made up for the purpose: each verdict in each direction."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from gradtui.runs.results.claims import ARTICLES, CLAIMS, Claim, as_text, judge
from gradtui.runs.results.evidence import BlockMeans, Evidence, RunEvidence
from gradtui.runs.results.statistics import median_interval
from gradtui.runs.tail import Chunk
from gradtui.settings import RunSettings

NAMES = ("step", "epoch", "loss", "grad_norm", "seconds", "fresh_grad_norm", "cosine")


def evidence(losses: list[float], norms: list[float] | None = None, fresh: list[float] | None = None) -> Evidence:
    n = len(losses)
    columns = {
        "step": [float(i + 1) for i in range(n)],
        "epoch": [float(i + 1) for i in range(n)],
        "loss": losses,
        "grad_norm": norms or [1.0] * n,
        "seconds": [1e-4] * n,
        "fresh_grad_norm": fresh or [1.0] * n,
        "cosine": [1.0] * n,
    }
    result = Evidence(peak_memory_mb=300.0, memory_growth_mb=0.0)
    result.add_steps(Chunk(NAMES, {name: array("d", values) for name, values in columns.items()}))
    return result


def verdicts(left: Evidence, right: Evidence, ratios: list[float] | None = None, **given: object) -> dict[str, str]:
    run = RunEvidence(RunSettings.parse(given), left, right, ratios or [], test_samples=297)
    return {claim.claim: claim.verdict for claim in judge(run)}


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
    [(0.95, 0.1, "holds"), (0.1, 0.95, "does not hold"), (0.9, 0.9, "does not hold"), (0.91, 0.90, "cannot tell")],
)
def test_accuracies_differ_only_beyond_what_the_test_samples_tell(left: float, right: float, verdict: str) -> None:
    a, b = evidence(FALLING), evidence(WILD)
    a.accuracy, b.accuracy = left, right
    assert verdicts(a, b)[ACCURATE] == verdict


@pytest.mark.parametrize(
    ("ratio", "noise", "verdict"),
    [(1.14, 0.01, "does not hold"), (0.9, 0.01, "holds"), (1.0, 0.01, "does not hold"), (1.03, 0.02, "cannot tell")],
)
def test_times_differ_only_beyond_the_margin(ratio: float, noise: float, verdict: str) -> None:
    draw = random.Random(3)
    ratios = [draw.gauss(ratio, noise) for _ in range(40)]
    assert verdicts(evidence(FALLING), evidence(WILD), ratios)[SHORTER] == verdict


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


@pytest.mark.parametrize("bad", [math.nan, math.inf, 5000.0])
def test_divergence_is_named_on_the_side_that_has_it(bad: float) -> None:
    gone = [*FALLING[:30], *[bad] * 30]
    assert verdicts(evidence(FALLING), evidence(gone))[DIVERGE] == "holds"
    assert verdicts(evidence(gone), evidence(FALLING))[DIVERGE] == "does not hold"
    assert verdicts(evidence(FALLING), evidence(FALLING))[DIVERGE] == "cannot tell"


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    draw = random.Random(5)
    held = 0
    for _ in range(1000):
        low, high = median_interval([draw.expovariate(1) for _ in range(24)])
        held += low <= math.log(2) <= high
    assert held >= 940


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


@pytest.mark.parametrize("sides", [("never", "momentum_one"), ("every_step", "momentum_one"), ("momentum_one", "never")])
def test_a_side_with_another_optimizer_tells_nothing_of_the_line(sides: tuple[str, str]) -> None:
    left, right = sides
    run = RunEvidence(
        RunSettings.parse({"left": left, "right": right}), evidence(FALLING), evidence(WILD, norms=[3.0] * 60), [0.5] * 20, 297
    )
    judged = judge(run)
    assert {claim.verdict for claim in judged} == {"cannot tell"}
    assert {claim.why for claim in judged} == {"MOMENTUM 1 also trains with momentum 1, of which the articles do not speak"}
    assert any(claim.measured for claim in judged), "what was measured is told all the same"


@pytest.mark.parametrize(
    ("given", "noisy"),
    [
        ({"experiment": "regression", "batch_size": 2}, True),
        ({"experiment": "regression"}, False),
        ({"experiment": "regression", "batch_size": 2, "optimizer": "Adam"}, False),
        ({"experiment": "regression", "batch_size": 2, "right": "every_step"}, False),
    ],
)
def test_a_run_in_minibatches_that_did_not_diverge_says_what_their_noise_can_do(given: dict[str, object], noisy: bool) -> None:
    run = RunEvidence(RunSettings.parse(given), evidence(FALLING), evidence(FALLING), [], 0)
    [why] = [claim.why for claim in judge(run) if claim.claim == DIVERGE]
    assert ("noise of minibatches" in why) is noisy
