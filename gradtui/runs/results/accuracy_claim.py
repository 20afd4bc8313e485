"""The claim about the accuracy: both sides are tested on the same samples."""

from __future__ import annotations

import math

from gradtui.runs.results.comparable import horizon, incomparable
from gradtui.runs.results.evidence import RunEvidence
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.statistics import exact_mcnemar
from gradtui.runs.results.thresholds import ACCURACY_ERRORS, SIGNIFICANCE, SLIGHT_ACCURACY_DIFFERENCE
from gradtui.runs.results.wording import count, number, of_these, percent


def accuracy_higher(run: RunEvidence) -> Ruling:
    """Accuracy is slightly higher with zero_grad()."""
    left, right = run.left.accuracy, run.right.accuracy
    if left is None or right is None:
        logs = run.settings.can.log_scalars
        return "", UNKNOWN, "no gradtui.log(accuracy=...) in the script" if logs else "no accuracy was measured on both sides"
    measured = f"{_when(run)}: {percent(left)} and {percent(right)}"
    if ruling := incomparable(run):
        return measured, *ruling[1:]
    if left == right and run.only_right_on in (None, (0, 0)):
        return measured, FAILS, "they are equal"
    if run.only_right_on is not None:
        p = exact_mcnemar(*run.only_right_on)
        only = (f"{count(n)} only by {name}" for n, name in zip(run.only_right_on, run.names, strict=True))
        measured += f"; of {count(run.test_samples)} test samples right {' and '.join(only)} (McNemar, p = {number(p)})"
        if p >= SIGNIFICANCE:
            return measured, UNKNOWN, "chance alone could differ by this much"
    elif run.test_samples == 0:
        return measured, UNKNOWN, "on how many test samples is not known"
    else:
        error = ACCURACY_ERRORS * math.sqrt((left * (1 - left) + right * (1 - right)) / run.test_samples)
        if abs(left - right) <= error:
            told = f"{count(run.test_samples)} test samples tell only differences above {100 * error:.1f} points"
            return measured, UNKNOWN, told
    if left < right:
        return measured, FAILS, "it is lower"
    return measured, *((FAILS, "much higher") if left - right >= SLIGHT_ACCURACY_DIFFERENCE else (HOLDS, ""))


def _when(run: RunEvidence) -> str:
    """After how much training the accuracies were measured."""
    if not run.settings.can.count_epochs or not run.left.accuracy_epoch:
        return horizon(run)
    return f"after {of_these(run.left.accuracy_epoch, 'epoch')}"
