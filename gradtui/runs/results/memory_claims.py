"""The claims about memory."""

from __future__ import annotations

from gradtui.runs.results.evidence import RunEvidence
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.thresholds import (
    GROWTH_FACTOR,
    NOISE_PER_GRADIENTS,
    SMALLEST_GROWTH_MB,
    SMALLEST_MEMORY_DIFFERENCE,
    STEPS_FOR_GROWTH,
)
from gradtui.runs.results.wording import megabytes, number, size


def memory_lower(run: RunEvidence) -> Ruling:
    """Memory is lower with zero_grad()."""
    left, right = run.left.peak_memory_mb, run.right.peak_memory_mb
    if left is None or right is None:
        return "", UNKNOWN, "not measured"
    measured = f"peak {megabytes(left)} and {megabytes(right)}"
    if run.shortfall:
        return measured, UNKNOWN, run.shortfall
    if abs(left - right) <= max(SMALLEST_MEMORY_DIFFERENCE * max(left, right), SMALLEST_GROWTH_MB):
        return measured, *(_not_measurable(run) or (FAILS, "no difference that counts"))
    return measured, HOLDS if left < right else FAILS, ""


def memory_grows(run: RunEvidence) -> Ruling:
    """Memory grows without zero_grad()."""
    left, right = run.left.memory_growth_mb, run.right.memory_growth_mb
    if left is None or right is None:
        return "", UNKNOWN, "not measured"
    measured = f"from the first turn to the last {left:+.1f} MB and {right:+.1f} MB"
    if run.shortfall:
        return measured, UNKNOWN, run.shortfall
    if min(run.left.steps, run.right.steps) < STEPS_FOR_GROWTH:
        return measured, UNKNOWN, "too few steps"
    grows = right > max(SMALLEST_GROWTH_MB, SMALLEST_MEMORY_DIFFERENCE * (run.right.peak_memory_mb or 0))
    if grows and right > GROWTH_FACTOR * left:
        return measured, HOLDS, ""
    return measured, *((FAILS, "both grow") if grows else _not_measurable(run) or (FAILS, "neither grows by more than one"))


def _not_measurable(run: RunEvidence) -> tuple[str, str] | None:
    """Why a difference of the size of all gradients would not show; None if it would, or if their size is not known."""
    gradients = run.gradient_mb
    if gradients is None or NOISE_PER_GRADIENTS * gradients >= SMALLEST_GROWTH_MB:
        return None
    times = f", {number(SMALLEST_GROWTH_MB / gradients)} times all gradients ({size(gradients)})" if gradients > 0 else ""
    return UNKNOWN, f"not measurable at this size: processes differ by up to {megabytes(SMALLEST_GROWTH_MB)}{times}"
