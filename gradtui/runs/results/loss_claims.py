"""The claims about losses: how fast they fall, how low, how steadily, and whether they stay finite."""

from __future__ import annotations

import math

from gradtui.runs.results.comparable import horizon, incomparable, no_single_curve
from gradtui.runs.results.evidence import Evidence, RunEvidence
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.thresholds import (
    ERRATIC_RISES,
    EXPLODES,
    FEW_POINTS,
    SMALLEST_LOSS_DIFFERENCE,
    SMALLEST_RISE,
    STEADY_RISES,
)
from gradtui.runs.results.wording import count, number


def converges_faster(run: RunEvidence) -> Ruling:
    """Training converges faster with zero_grad()."""
    if ruling := no_single_curve(run):
        return ruling
    if min(run.left.steps, run.right.steps) < FEW_POINTS:
        return "", UNKNOWN, f"too few steps, {horizon(run)}"
    sides = run.left, run.right
    if not all((side.first_loss or 0) > 0 for side in sides):
        return "", UNKNOWN, "the loss does not start above 0"
    if any((side.best_loss or 0) < 0 for side in sides):
        return "", UNKNOWN, "the loss falls below 0, so a tenth of the first loss is no goal"
    left, right = (side.converged_at for side in sides)
    said = [
        f"{name} {'no' if at is None else 'from step ' + count(at)}" for name, at in zip(run.names, (left, right), strict=True)
    ]
    measured = f"at most a tenth of the first loss, for good, {horizon(run)}: {', '.join(said)}"
    if left is None and right is None:
        return measured, UNKNOWN, "neither side got there"
    if left is None or right is None:
        return measured, HOLDS if right is None else FAILS, "only one side got there"
    # Compare in samples: a step of a side may take k batches, and both sides see the same samples.
    reach = left * run.settings.step_samples(0), right * run.settings.step_samples(1)
    if reach[0] == reach[1]:
        return measured, FAILS, "both got there at the same step"
    return measured, HOLDS if reach[0] < reach[1] else FAILS, ""


def final_loss_lower(run: RunEvidence) -> Ruling:
    """The final loss is lower with zero_grad()."""
    if ruling := no_single_curve(run):
        return ruling
    left, right = run.left.final_loss, run.right.final_loss
    measured = f"mean of the last tenth, {horizon(run)}: {number(left)} and {number(right)}"
    if min(run.left.steps, run.right.steps) < FEW_POINTS:
        return measured, UNKNOWN, "too few steps"
    if not math.isfinite(left) and not math.isfinite(right):
        return measured, UNKNOWN, "neither is finite"
    if not (math.isfinite(left) and math.isfinite(right)):
        return measured, HOLDS if math.isfinite(left) else FAILS, "only one is finite"
    if left == right:
        return measured, FAILS, "they are equal"
    if abs(left - right) <= SMALLEST_LOSS_DIFFERENCE * max(abs(left), abs(right)):
        return measured, UNKNOWN, f"they differ by less than {100 * SMALLEST_LOSS_DIFFERENCE:.0f} %"
    return measured, HOLDS if left < right else FAILS, ""


def steady_and_erratic(run: RunEvidence) -> Ruling:
    """The loss falls steadily with zero_grad() and is erratic without."""
    if run.left.optimizers > 1 and (ruling := no_single_curve(run)):
        return ruling
    measured = _moves_in_words(run)
    left, right = run.left.share_of_rises, run.right.share_of_rises
    if left is None or right is None:
        return measured, UNKNOWN, "too few steps" if run.settings.can.run_script else "too few epochs"
    finite = [side.moves.last is not None and math.isfinite(side.moves.last) for side in (run.left, run.right)]
    if not any(finite):
        return measured, UNKNOWN, "neither is finite"
    noisy = run.settings.can.run_script and left > STEADY_RISES
    if noisy:
        return measured, UNKNOWN, "the losses of single batches differ too much, and a script's epochs are not known"
    if not finite[0]:
        return measured, FAILS, f"{run.names[0]} does not stay finite"
    if not run.left.moves.falls:
        return measured, FAILS, f"{run.names[0]} does not fall"
    if left <= STEADY_RISES and right >= ERRATIC_RISES:
        return measured, HOLDS, ""
    if left > ERRATIC_RISES:
        return measured, FAILS, f"{run.names[0]} is not steady"
    if right <= STEADY_RISES:
        return measured, FAILS, f"{run.names[1]} is not erratic"
    return measured, UNKNOWN, "neither clearly steady nor clearly erratic"


def _moves_in_words(run: RunEvidence) -> str:
    unit = "step" if run.settings.can.run_script else "epoch"
    moves = [
        f"{name} {count(side.moves.downs)} down, {count(side.moves.ups)} up"
        for name, side in zip(run.names, (run.left, run.right), strict=True)
    ]
    return f"moves of the {unit} loss by over {100 * SMALLEST_RISE:.0f} % of the first, {horizon(run)}: {'; '.join(moves)}"


def may_diverge(run: RunEvidence) -> Ruling:
    """Training may diverge without zero_grad(): one run in which it does is enough, one in which it does not proves nothing."""

    def said(side: Evidence) -> str:
        if side.diverged_at is not None:
            return f"not finite from step {count(side.diverged_at)}"
        if side.exploded_at is not None:
            return f"above {EXPLODES:,.0f} times the first loss at step {count(side.exploded_at)}"
        return f"no, {horizon(run)}"

    measured = f"{run.names[0]}: {said(run.left)}; {run.names[1]}: {said(run.right)}"
    if ruling := incomparable(run):
        return measured, *ruling[1:]
    left, right = run.left.diverges, run.right.diverges
    if right and not left:
        return measured, HOLDS, ""
    if left:
        return measured, FAILS, "both diverge" if right else f"it is {run.names[0]} that diverges"
    return measured, UNKNOWN, "it did not in this run, which does not say that it cannot"
