"""The paired differences over seeds as text, for the lines below the results table."""

from __future__ import annotations

import math

from gradtui.runs.results.reader import RunResults
from gradtui.runs.results.statistics import LOG_RATIO, POINTS, Difference
from gradtui.runs.results.wording import number

LARGEST_LOG = 700.0
"""The exponential of little more than this is too large for a float."""


def difference_lines(results: RunResults) -> list[str]:
    """A line per quantity that is compared over the seeds; empty for a run of one seed."""
    if results.seeds is None:
        return []
    if not results.seeds.finished:
        return ["the seeds are not compared: a side did not train to the end"]
    left, right = results.state.settings.shorts
    lines = [f"{left} against {right}, seed by seed (95 % interval of the mean):"]
    for name, difference in results.differences.items():
        lines.append(f"  {name.replace('_', ' ')}: {_said(difference, left, right)}")
    return lines


def _said(difference: Difference, left: str, right: str) -> str:
    wins = f"{left} better in {difference.left_wins}, {right} in {difference.right_wins}"
    ties = f", {difference.ties} ties" if difference.ties else ""
    better = {"left": f", {left} better", "right": f", {right} better", None: ""}[difference.better]
    return f"{_interval(difference)}; {wins}{ties}; {difference.verdict}{better}"


def _interval(difference: Difference) -> str:
    mean, low, high = difference.mean, difference.low, difference.high
    if math.isnan(mean):
        return "in no seed are both finite"
    if difference.unit == LOG_RATIO:
        said, few = f"ratio {_ratio(mean)}", f" ({_ratio(low)} to {_ratio(high)})"
    elif difference.unit == POINTS:
        said, few = f"{mean:+.1f} points", f" ({low:+.1f} to {high:+.1f})"
    else:
        said, few = f"difference {number(mean)}", f" ({number(low)} to {number(high)})"
    return said if math.isnan(low) else said + few


def _ratio(log: float) -> str:
    """The ratio of both losses from its logarithm."""
    return number(math.exp(max(-LARGEST_LOG, min(log, LARGEST_LOG))))
