"""What two articles claim about zero_grad(), and a run's verdict on each claim. The thresholds are in thresholds.py.

A verdict is given only if the run's numbers support it. "holds" means that in this run, the left side does what the article
says about training with zero_grad(), and the right side what it says about training without. If both sides have the same
policy, they do not differ, so no claim of a difference may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradtui.policies import POLICIES
from gradtui.runs.results import seed_claims as over_seeds
from gradtui.runs.results.accuracy_claim import accuracy_higher
from gradtui.runs.results.evidence import RunEvidence
from gradtui.runs.results.loss_claims import converges_faster, final_loss_lower, may_diverge, steady_and_erratic
from gradtui.runs.results.memory_claims import memory_grows, memory_lower
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.seed_results import SeedResults
from gradtui.runs.results.thresholds import FEW_POINTS, SEEDS_TO_JUDGE
from gradtui.runs.results.time_verdict import judge_times
from gradtui.runs.results.wording import number
from gradtui.settings import RunSettings

ARTICLES = {
    "1": "The Importance of zero_grad() in PyTorch: A Vital Optimization Technique",  # trains on CIFAR-10
    "2": "Why is zero_grad() Called in PyTorch? (Suf, researchdatapod.com)",  # trains a linear model
}
"""The articles whose claims are judged, by the names that the claims give them."""


@dataclass(frozen=True)
class Claim:
    """One row of the claims table. ``article`` names one of ARTICLES, or two with a comma."""

    claim: str
    article: str
    measured: str
    verdict: str
    why: str


@dataclass(frozen=True)
class _Claim:
    """``compares`` says that ``judge`` compares what both sides have trained, ``by_seed`` which of its verdicts depend on
    the seed: one in which training diverges shows that it may. ``over_seeds`` judges a run of several seeds."""

    text: str
    article: str
    judge: Callable[[RunEvidence], Ruling]
    compares: bool = False
    by_seed: Sequence[str] = ()
    over_seeds: Callable[[SeedResults, RunSettings], Ruling] | None = None


def judge(evidence: RunEvidence) -> list[Claim]:
    """Judge every claim by one run."""
    return [Claim(claim.text, claim.article, *_of_the_line_alone(evidence, _ruling(claim, evidence))) for claim in CLAIMS]


def judge_seeds(seeds: SeedResults, settings: RunSettings) -> list[Claim]:
    """Judge by several seeds the claims that they decide."""
    return [Claim(each.text, each.article, *each.over_seeds(seeds, settings)) for each in CLAIMS if each.over_seeds is not None]


def _of_the_line_alone(run: RunEvidence, ruling: Ruling) -> Ruling:
    """Withhold the verdict if a side's policy changes its optimizer: what differs does not come from the line alone."""
    for name, policy in zip(run.names, map(POLICIES.__getitem__, run.settings.policies), strict=True):
        for option, value in policy.optimizer_options.items():
            return ruling[0], UNKNOWN, f"{name} also trains with {option} {value:g}, of which the articles do not speak"
    return ruling


def _ruling(claim: _Claim, run: RunEvidence) -> Ruling:
    if run.seeds is not None and claim.over_seeds is not None and min(run.left.steps, run.right.steps) >= FEW_POINTS:
        return claim.over_seeds(run.seeds, run.settings)
    measured, verdict, why = claim.judge(run)
    settings = run.settings
    few_seeds = settings.can.vary_by_seed and settings.seeds < SEEDS_TO_JUDGE
    if verdict in claim.by_seed and few_seeds and settings.left != settings.right:
        seeds = "this seed" if settings.seeds == 1 else f"the median of {settings.seeds} seeds"
        said = "it holds" if verdict == HOLDS else "it does not hold"
        why = f"likely, in {seeds}: {said}{f' ({why})' if why else ''}; --seeds {SEEDS_TO_JUDGE} decides"
        verdict = UNKNOWN
    if claim.compares and run.shortfall and measured:
        why = "; ".join(filter(None, (why, f"{run.shortfall}: compared up to there")))
    return measured, verdict, why


def _time_shorter(run: RunEvidence) -> Ruling:
    return judge_times(run.settings, run.probes)


def _gradients_accumulate(run: RunEvidence) -> Ruling:
    left, right = run.left.gradient_excess, run.right.gradient_excess
    if left is None or right is None:
        return "", UNKNOWN, "the gradients were not measured on a second step"
    clipped = run.left.clipped or run.right.clipped
    measured = (
        f"applied gradient against fresh one{', before clipping' if clipped else ''}, median ratio of norms: "
        f"{run.names[0]} {number(left.ratio)}, {run.names[1]} {number(right.ratio)}"
    )
    if run.settings.clip_norm > 0 and not clipped:
        return measured, UNKNOWN, "this run's norms were taken after clipping, by an older version of gradtui"
    if left.differs:
        return measured, FAILS, "both do" if right.differs else f"it is {run.names[0]} that does"
    if not right.differs:
        return measured, FAILS, f"{run.names[1]} applies {'nothing' if right.ratio == 0 else 'just the fresh gradient'}"
    rewritten = "; clipping rewrites the stored sum, so less accumulates" if run.right.clipped else ""
    return measured, HOLDS, f"{run.names[1]} applies what it did not just compute{rewritten}"


def _needs_sweep(run: RunEvidence) -> Ruling:
    if not run.settings.can.choose_optimizer:
        return "", UNKNOWN, "the script has its own optimizer; gradtui sweep answers it for gradtui's experiments"
    return "", UNKNOWN, "one run has one optimizer; gradtui sweep --optimizers all answers it"


CLAIMS = (
    _Claim("training converges faster with", "1", converges_faster, True, (HOLDS, FAILS), over_seeds.converges_faster),
    _Claim("the final loss is lower with", "1", final_loss_lower, True, (HOLDS, FAILS), over_seeds.final_loss_lower),
    _Claim("accuracy is slightly higher with", "1", accuracy_higher, True, (HOLDS, FAILS), over_seeds.accuracy_slightly_higher),
    _Claim("training time is shorter with", "1", _time_shorter),
    _Claim("memory is lower with", "1", memory_lower),
    _Claim("memory grows without", "1", memory_grows),
    _Claim("the loss falls steadily with, is erratic without", "2", steady_and_erratic, compares=True, by_seed=(HOLDS, FAILS)),
    _Claim("gradients accumulate without", "1, 2", _gradients_accumulate),
    _Claim("training may diverge without", "1, 2", may_diverge, True, (FAILS,), over_seeds.may_diverge),
    _Claim("it is worst for Adadelta, Adagrad, Adam, RMSprop", "1", _needs_sweep),
    _Claim("it is the same with any optimizer", "1", _needs_sweep),
)


def as_text(claims: Sequence[Claim]) -> str:
    """The claims as plain text: a line each with its verdict, then what was measured and why; last, the articles' titles."""
    lines = []
    for claim in claims:
        lines.append(f"{claim.verdict:<14} {claim.claim} (article {claim.article})")
        said = "; ".join(filter(None, (claim.measured, claim.why)))
        if said:
            lines.append(f"{'':<14} {said}")
    return "\n".join([*lines, *article_lines(claims)])


def article_lines(claims: Sequence[Claim]) -> list[str]:
    """The titles of the articles that the claims name, a line each."""
    return [f"article {name}: {title}" for name, title in ARTICLES.items() if any(name in claim.article for claim in claims)]
