"""What stands in the way of comparing a run's sides, and how much training is compared."""

from __future__ import annotations

from gradtui.runs.results.evidence import RunEvidence, first_losses_differ
from gradtui.runs.results.rulings import UNKNOWN, Ruling
from gradtui.runs.results.wording import of_these


def incomparable(run: RunEvidence) -> Ruling | None:
    """Why the losses of the two sides cannot be compared at all; None if they can."""
    if min(run.left.steps, run.right.steps) == 0:
        return "", UNKNOWN, run.shortfall or "one side has no steps"
    if run.settings.init == "independent":
        return "", UNKNOWN, "the sides started from different weights: what differs may come from that"
    if not run.settings.can.repeat_exactly and first_losses_differ(run.left, run.right):
        return "", UNKNOWN, "the script is not deterministic: what differs may come from that"
    return None


def no_single_curve(run: RunEvidence) -> Ruling | None:
    """Why the losses of the two sides cannot be compared as curves; None if they can."""
    optimizers = max(run.left.optimizers, run.right.optimizers)
    if optimizers > 1:
        return "", UNKNOWN, f"the losses of {optimizers} optimizers stand in one curve"
    return incomparable(run)


def horizon(run: RunEvidence) -> str:
    """How much training is compared: ``after 10 epochs``; in steps for a script, and for a part of an epoch."""
    steps, per_epoch = run.left.steps, run.settings.steps_per_epoch(0)
    if per_epoch is None or steps % per_epoch:
        return f"after {of_these(steps, 'step')}"
    return f"after {of_these(steps // per_epoch, 'epoch')}"
