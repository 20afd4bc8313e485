"""The results table: its rows as text, the same on the screen, in print and when copied."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gradtui.runs.results.reader import RunResults, VariantResults
from gradtui.runs.results.seed_table import heading, seed_rows
from gradtui.runs.results.table_row import Row
from gradtui.runs.results.thresholds import EXPLODES, STEPS_FOR_TIMES
from gradtui.runs.results.wording import UNKNOWN, count, duration, megabytes, number, percent, signed_mb, step_time, times


@dataclass(frozen=True)
class Metric:
    """A quantity of the table: where its value comes from, how to format it, and how to compare two values."""

    label: str
    value: Callable[[VariantResults], float | None]
    say: Callable[[VariantResults], str]
    compare: Callable[[float, float, str, str], str]
    is_time: bool = False


def _lower(left: float, right: float, left_name: str, right_name: str) -> str:
    """Which is lower, and by what factor; words if a ratio would say nothing."""
    if left == right:
        return "equal"
    if not (math.isfinite(left) and math.isfinite(right)):
        finite = left_name if math.isfinite(left) else right_name if math.isfinite(right) else None
        return f"only {finite} is finite" if finite else "neither is finite"
    low, high, name = (left, right, left_name) if left < right else (right, left, right_name)
    return f"{name} lower, {times(high / low)}" if low > 0 else f"{name} lower"


def _ratio(left: float, right: float, left_name: str, right_name: str) -> str:
    """The left / right ratio. Names no winner, because two totals alone do not support one."""
    return f"ratio {left / right:.2f}" if right > 0 else UNKNOWN


def _points(left: float, right: float, left_name: str, right_name: str) -> str:
    if left == right:
        return "equal"
    name = left_name if left > right else right_name
    return f"{name} +{100 * abs(left - right):.1f} points"


def _minus(left: float, right: float, left_name: str, right_name: str) -> str:
    return "equal" if left == right else f"{left_name} {left - right:+,.0f}"


def _no_comparison(left: float, right: float, left_name: str, right_name: str) -> str:
    return ""


def _best(results: VariantResults) -> str:
    if results.best_loss is None:
        return UNKNOWN
    return f"{number(results.best_loss)} @{count(results.best_step)}"


def _diverged(results: VariantResults) -> str:
    if results.steps == 0:
        return UNKNOWN
    return "all finite" if results.diverged_at is None else f"from step {count(results.diverged_at)}"


def _exploded(results: VariantResults) -> str:
    if results.steps == 0:
        return UNKNOWN
    return "never" if results.exploded_at is None else f"from step {count(results.exploded_at)}"


METRICS = (
    Metric("final loss", lambda r: r.final_loss, lambda r: number(r.final_loss), _lower),
    Metric("best loss", lambda r: r.best_loss, _best, _lower),
    Metric("accuracy", lambda r: r.accuracy, lambda r: percent(r.accuracy), _points),
    Metric("not finite", lambda r: None, _diverged, _minus),
    Metric(f"over {EXPLODES:.0f} x first", lambda r: None, _exploded, _minus),
    Metric("gradient norm", lambda r: r.final_grad_norm, lambda r: number(r.final_grad_norm), _lower),
    Metric("time per step", lambda r: r.step_ms_median, lambda r: step_time(r.step_ms_median), _ratio, is_time=True),
    Metric("  95 % within", lambda r: r.step_ms_p95, lambda r: step_time(r.step_ms_p95), _ratio, is_time=True),
    Metric("training time", lambda r: r.seconds, lambda r: duration(r.seconds), _ratio, is_time=True),
    Metric("peak memory", lambda r: r.peak_memory_mb, lambda r: megabytes(r.peak_memory_mb), _ratio),
    Metric("  its growth", lambda r: r.memory_growth_mb, lambda r: signed_mb(r.memory_growth_mb), _no_comparison),
    Metric("steps", lambda r: r.steps, lambda r: count(r.steps), _minus),
    Metric("status", lambda r: None, lambda r: r.status, _no_comparison),
)


def rows(results: RunResults) -> list[Row]:
    """The table, a row per metric. With several seeds, what is known of each seed has more than one row."""
    of_seeds = [] if results.seeds is None else seed_rows(results.seeds, results.differences, results.state.settings.shorts)
    known = {row.label for row in of_seeds}
    return [*of_seeds, *(row for row in _rows(results) if row.label not in known)]


def head(results: RunResults) -> Row:
    """The table's headings."""
    names = results.state.settings.shorts
    return Row("", *names, "difference") if results.seeds is None else heading(len(results.seeds.seeds), names)


def _rows(results: RunResults) -> list[Row]:
    left_name, right_name = results.state.settings.shorts
    left, right = results.variants.values()
    table = []
    for metric in METRICS:
        a, b = metric.value(left), metric.value(right)
        if metric.label == "accuracy" and a is None and b is None:
            continue  # this experiment has no accuracy
        if metric.say is _exploded and left.exploded_at is None and right.exploded_at is None:
            continue  # neither side exploded
        if a is None or b is None:
            difference = ""
        elif metric.is_time and (objection := _objection_to_times(results)):
            difference = objection
        else:
            difference = metric.compare(a, b, left_name, right_name)
        table.append(Row(metric.label, metric.say(left), metric.say(right), difference))
    return table


def _objection_to_times(results: RunResults) -> str:
    """Why the times of the two sides are not compared; empty if they are."""
    if results.state.settings.schedule == "parallel":
        return "contended"
    return "too few steps" if min(v.steps for v in results.variants.values()) < STEPS_FOR_TIMES else ""


def as_text(results: RunResults) -> str:
    """The table as plain text with aligned columns."""
    lines = [head(results), *rows(results)]
    widths = [max(len(getattr(row, name)) for row in lines) for name in ("label", "left", "right")]
    return "\n".join(
        f"{row.label:<{widths[0]}}  {row.left:>{widths[1]}}  {row.right:>{widths[2]}}  {row.difference}".rstrip()
        for row in lines
    )
