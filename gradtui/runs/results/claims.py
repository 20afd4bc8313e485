"""What two articles claim about zero_grad(), and a run's verdict on each claim. The thresholds are in thresholds.py.

A verdict is given only if the run's numbers support it. "holds" means that in this run, the left side does what the article
says about training with zero_grad(), and the right side what it says about training without. If both sides have the same
policy, they do not differ, so no claim of a difference may hold.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradtui.policies import PLAIN_SGD, POLICIES, in_the_way
from gradtui.runs.results.evidence import Evidence, RunEvidence, first_losses_differ
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.statistics import median_interval
from gradtui.runs.results.thresholds import (
    ACCURACY_ERRORS,
    CONVERGED_SHARE,
    ERRATIC_RISES,
    EXPLODES,
    FEW_POINTS,
    GROWTH_FACTOR,
    SLIGHT_ACCURACY_DIFFERENCE,
    SMALLEST_GROWTH_MB,
    SMALLEST_LOSS_DIFFERENCE,
    SMALLEST_MEMORY_DIFFERENCE,
    SMALLEST_TIME_DIFFERENCE,
    STEADY_RISES,
    STEPS_FOR_GROWTH,
)
from gradtui.runs.results.wording import count, megabytes, number, percent

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
    text: str
    article: str
    judge: Callable[[RunEvidence], Ruling]


def judge(evidence: RunEvidence) -> list[Claim]:
    """Judge every claim by one run."""
    return [Claim(claim.text, claim.article, *_of_the_line_alone(evidence, claim.judge(evidence))) for claim in CLAIMS]


def _of_the_line_alone(run: RunEvidence, ruling: Ruling) -> Ruling:
    """Withhold the verdict if a side's policy changes its optimizer: what differs does not come from the line alone."""
    for name, policy in zip(run.names, map(POLICIES.__getitem__, run.settings.policies), strict=True):
        for option, value in policy.optimizer_options.items():
            return ruling[0], UNKNOWN, f"{name} also trains with {option} {value:g}, of which the articles do not speak"
    return ruling


def _incomparable(run: RunEvidence) -> Ruling | None:
    """Why the losses of the two sides cannot be compared at all; None if they can."""
    if min(run.left.steps, run.right.steps) == 0:
        return "", UNKNOWN, "one side has no steps"
    if run.settings.init == "independent":
        return "", UNKNOWN, "the sides started from different weights: what differs may come from that"
    if not run.settings.can.repeat_exactly and first_losses_differ(run.left, run.right):
        return "", UNKNOWN, "the script is not deterministic: what differs may come from that"
    return None


def _no_single_curve(run: RunEvidence) -> Ruling | None:
    """Why the losses of the two sides cannot be compared as curves; None if they can."""
    optimizers = max(run.left.optimizers, run.right.optimizers)
    if optimizers > 1:
        return "", UNKNOWN, f"the losses of {optimizers} optimizers stand in one curve"
    return _incomparable(run)


def _converges_faster(run: RunEvidence) -> Ruling:
    if ruling := _no_single_curve(run):
        return ruling
    if min(len(run.left.blocks), len(run.right.blocks)) < FEW_POINTS:
        return "", UNKNOWN, "too few steps"
    if (run.left.first_loss or 0) <= 0:
        return "", UNKNOWN, "the loss does not start above 0"
    left, right = (side.converged_at(CONVERGED_SHARE) for side in (run.left, run.right))
    said = [
        f"{name} {'never' if at is None else 'from step ' + count(at)}"
        for name, at in zip(run.names, (left, right), strict=True)
    ]
    measured = f"at most a tenth of the first loss, for good: {', '.join(said)}"
    if left is None and right is None:
        return measured, UNKNOWN, "neither side got there"
    if left is None or right is None:
        return measured, HOLDS if right is None else FAILS, "only one side got there"
    # Compare in samples: a step of a side may take k batches, and both sides see the same samples.
    reach = left * run.settings.step_samples(0), right * run.settings.step_samples(1)
    if reach[0] == reach[1]:
        return measured, FAILS, "both got there at the same step"
    return measured, HOLDS if reach[0] < reach[1] else FAILS, ""


def _final_loss_lower(run: RunEvidence) -> Ruling:
    if ruling := _no_single_curve(run):
        return ruling
    left, right = run.left.final_loss, run.right.final_loss
    measured = f"mean of the last tenth: {number(left)} and {number(right)}"
    if not math.isfinite(left) and not math.isfinite(right):
        return measured, FAILS, "neither is finite"
    if not (math.isfinite(left) and math.isfinite(right)):
        return measured, HOLDS if math.isfinite(left) else FAILS, "only one is finite"
    if left == right:
        return measured, FAILS, "they are equal"
    if abs(left - right) <= SMALLEST_LOSS_DIFFERENCE * max(abs(left), abs(right)):
        return measured, UNKNOWN, f"they differ by less than {100 * SMALLEST_LOSS_DIFFERENCE:.0f} %"
    return measured, HOLDS if left < right else FAILS, ""


def _accuracy_higher(run: RunEvidence) -> Ruling:
    left, right = run.left.accuracy, run.right.accuracy
    if left is None or right is None:
        logs = run.settings.can.log_scalars
        return "", UNKNOWN, "no gradtui.log(accuracy=...) in the script" if logs else "this experiment has no accuracy"
    measured = f"{percent(left)} and {percent(right)}"
    if ruling := _incomparable(run):
        return measured, *ruling[1:]
    if left == right:
        return measured, FAILS, "they are equal"
    samples = run.test_samples
    if samples == 0:
        return measured, UNKNOWN, "on how many test samples is not known"
    error = ACCURACY_ERRORS * math.sqrt((left * (1 - left) + right * (1 - right)) / samples)
    if abs(left - right) <= error:
        return measured, UNKNOWN, f"{count(samples)} test samples tell only differences above {100 * error:.1f} points"
    slightly = "" if abs(left - right) < SLIGHT_ACCURACY_DIFFERENCE else "and not slightly" if left > right else ""
    return measured, HOLDS if left > right else FAILS, slightly


def _time_shorter(run: RunEvidence) -> Ruling:
    ratios = run.time_ratios
    if run.settings.schedule == "parallel":
        return "", UNKNOWN, "contended: both sides computed at once"
    if not run.settings.can.probe_times:
        return "", UNKNOWN, "the timing probe cannot run a script"
    if len(ratios) < FEW_POINTS:
        return "", UNKNOWN, "no timing probe, or too few of its slices"
    middle = statistics.median(ratios)
    low, high = median_interval(ratios)
    measured = f"a step takes {run.names[0]} {middle:.3f} times what it takes {run.names[1]} (95 %: {low:.3f} to {high:.3f})"
    if high < 1 - SMALLEST_TIME_DIFFERENCE:
        return measured, HOLDS, ""
    if low > 1 + SMALLEST_TIME_DIFFERENCE:
        return measured, FAILS, "it is longer"
    if low >= 1 - SMALLEST_TIME_DIFFERENCE and high <= 1 + SMALLEST_TIME_DIFFERENCE:
        return measured, FAILS, f"no difference beyond {100 * SMALLEST_TIME_DIFFERENCE:.0f} %"
    return measured, UNKNOWN, f"the interval does not clear {100 * SMALLEST_TIME_DIFFERENCE:.0f} %"


def _memory_lower(run: RunEvidence) -> Ruling:
    left, right = run.left.peak_memory_mb, run.right.peak_memory_mb
    if left is None or right is None:
        return "", UNKNOWN, "not measured"
    measured = f"peak {megabytes(left)} and {megabytes(right)}"
    if abs(left - right) <= max(SMALLEST_MEMORY_DIFFERENCE * max(left, right), SMALLEST_GROWTH_MB):
        return measured, FAILS, "no difference that counts"
    return measured, HOLDS if left < right else FAILS, ""


def _memory_grows(run: RunEvidence) -> Ruling:
    left, right = run.left.memory_growth_mb, run.right.memory_growth_mb
    if left is None or right is None:
        return "", UNKNOWN, "not measured"
    measured = f"from the first turn to the last {left:+.1f} MB and {right:+.1f} MB"
    if min(run.left.steps, run.right.steps) < STEPS_FOR_GROWTH:
        return measured, UNKNOWN, "too few steps"
    grows = right > max(SMALLEST_GROWTH_MB, SMALLEST_MEMORY_DIFFERENCE * (run.right.peak_memory_mb or 0))
    if grows and right > GROWTH_FACTOR * left:
        return measured, HOLDS, ""
    return measured, FAILS, "neither grows by more than one" if not grows else "both grow"


def _steady_and_erratic(run: RunEvidence) -> Ruling:
    left, right = run.left.share_of_rises, run.right.share_of_rises
    if run.left.optimizers > 1 and (ruling := _no_single_curve(run)):
        return ruling
    if left is None or right is None:
        return "", UNKNOWN, "too few steps"
    measured = f"the loss rose in {percent(left)} and {percent(right)} of the stretches of the run"
    if left <= STEADY_RISES and right >= ERRATIC_RISES:
        return measured, HOLDS, ""
    if left > ERRATIC_RISES:
        return measured, FAILS, f"{run.names[0]} is not steady"
    if right <= STEADY_RISES:
        return measured, FAILS, f"{run.names[1]} is not erratic"
    return measured, UNKNOWN, "neither clearly steady nor clearly erratic"


def _gradients_accumulate(run: RunEvidence) -> Ruling:
    left, right = run.left.gradient_excess, run.right.gradient_excess
    if left is None or right is None:
        return "", UNKNOWN, "the gradients were not measured on a second step"
    measured = (
        f"applied gradient against fresh one, median ratio of norms: {run.names[0]} {number(left.ratio)}, "
        f"{run.names[1]} {number(right.ratio)}"
    )
    if right.differs and not left.differs:
        return measured, HOLDS, f"{run.names[1]} applies what it did not just compute"
    if left.differs:
        return measured, FAILS, "both do" if right.differs else f"it is {run.names[0]} that does"
    return measured, FAILS, f"{run.names[1]} applies just the fresh gradient"


def _may_diverge(run: RunEvidence) -> Ruling:
    def said(side: Evidence) -> str:
        if side.diverged_at is not None:
            return f"not finite from step {count(side.diverged_at)}"
        if side.exploded_at is not None:
            return f"above {EXPLODES:,.0f} times the first loss at step {count(side.exploded_at)}"
        return "no"

    measured = f"{run.names[0]}: {said(run.left)}; {run.names[1]}: {said(run.right)}"
    if ruling := _incomparable(run):
        return measured, *ruling[1:]
    left, right = run.left.diverges, run.right.diverges
    if right and not left:
        return measured, HOLDS, ""
    if left:
        return measured, FAILS, "both diverge" if right else f"it is {run.names[0]} that diverges"
    noise = ": the noise of minibatches can make it grow without bound even where full batches do not"
    return measured, UNKNOWN, f"it did not in this run, which does not say that it cannot{noise if _sums_noise(run) else ''}"


def _sums_noise(run: RunEvidence) -> bool:
    """Whether plain SGD never cleared the gradients of minibatches, so that it adds up their noise."""
    settings = run.settings
    plain = settings.right == "never" and not in_the_way(PLAIN_SGD, vars(settings))
    return plain and (settings.steps_per_epoch(1) or 1) > 1


def _needs_sweep(run: RunEvidence) -> Ruling:
    if not run.settings.can.choose_optimizer:
        return "", UNKNOWN, "the script has its own optimizer; gradtui sweep answers it for gradtui's experiments"
    return "", UNKNOWN, "one run has one optimizer; gradtui sweep --optimizers all answers it"


CLAIMS = (
    _Claim("training converges faster with", "1", _converges_faster),
    _Claim("the final loss is lower with", "1", _final_loss_lower),
    _Claim("accuracy is slightly higher with", "1", _accuracy_higher),
    _Claim("training time is shorter with", "1", _time_shorter),
    _Claim("memory is lower with", "1", _memory_lower),
    _Claim("memory grows without", "1", _memory_grows),
    _Claim("the loss falls steadily with, is erratic without", "2", _steady_and_erratic),
    _Claim("gradients accumulate without", "1, 2", _gradients_accumulate),
    _Claim("training may diverge without", "1, 2", _may_diverge),
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
