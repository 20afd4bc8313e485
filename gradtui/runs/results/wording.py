"""Format numbers, for the screen and in print: three significant digits, thousands separators, units."""

from __future__ import annotations

import math

from gradtui.runs.results.statistics import LOG_RATIO, POINTS, Difference

LARGEST_LOG = 700.0
"""The exponential of little more than this is too large for a float."""

UNKNOWN = "–"


def number(value: float | None) -> str:
    """A loss or a norm: ``0.301``, ``4.95e-11``, ``1,430``, ``1.46e+14``, ``nan``, ``inf``."""
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return repr(value)
    size = abs(value)
    if size != 0 and (size < 0.001 or size >= 99_999.5):
        return f"{value:.2e}"
    if size >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(ratio: float) -> str:
    """How many times as much: ``1.37x``, ``1,430x``."""
    return f"{ratio:.2f}x" if ratio < 10 else f"{number(float(f'{ratio:.3g}'))}x"


def count(value: int | None) -> str:
    """A number of things: ``20,000``."""
    return UNKNOWN if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """A share: ``84.5 %``."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def step_time(milliseconds: float | None) -> str:
    """The time of a step: ``68.2 µs``, ``1.43 ms``, ``2.1 s``."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 1:
        return f"{milliseconds * 1000:.3g} µs"
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.3g} s"


def duration(seconds: float | None) -> str:
    """A duration: ``0.42 s``, ``12.3 s``, ``4 min 10 s``, ``3 h 05 min``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def megabytes(value: float | None) -> str:
    """Memory: ``314 MB``."""
    return UNKNOWN if value is None else f"{value:,.0f} MB" if value >= 10 else f"{value:.1f} MB"


def signed_mb(value: float | None) -> str:
    """A change in memory: ``+1.5 MB``."""
    return UNKNOWN if value is None else f"{value:+,.1f} MB"


def mean_difference(difference: Difference) -> str:
    """Left against right: ``-48.9 ± 3.2 points``, ``ratio 0.52 (0.41 to 0.66)``, ``-0.3 ± 0.1 in loss``.

    The interval is the 95 % interval, left out if there is none.
    """
    if math.isnan(difference.mean):
        return "no ratio" if difference.unit == LOG_RATIO else UNKNOWN  # in every seed, a loss is 0 or not finite
    known = math.isfinite(difference.low) and math.isfinite(difference.high)
    half = (difference.high - difference.low) / 2
    if difference.unit == LOG_RATIO:
        interval = f" ({factor(difference.low)} to {factor(difference.high)})" if known else ""
        return f"ratio {factor(difference.mean)}{interval}"
    if difference.unit == POINTS:
        return f"{difference.mean:+.1f}{f' ± {half:.1f}' if known else ''} points"
    return f"{number(difference.mean)}{f' ± {number(half)}' if known else ''} in loss"


def factor(log_ratio: float) -> str:
    """The ratio that has this logarithm: ``0.52``."""
    return number(math.exp(min(log_ratio, LARGEST_LOG)))


def wins(difference: Difference) -> str:
    """The seeds that each side wins: ``12 to 4``, ``2 to 0, 1 tie``."""
    ties = f", {count(difference.ties)} {'tie' if difference.ties == 1 else 'ties'}" if difference.ties else ""
    return f"{count(difference.left_wins)} to {count(difference.right_wins)}{ties}"


def better_side(difference: Difference, names: tuple[str, str]) -> str:
    """The name of the better side, by its verdict."""
    return {"left": names[0], "right": names[1], None: UNKNOWN}[difference.better]


def verdict_cells(difference: Difference, names: tuple[str, str]) -> tuple[str, str, str, str]:
    """The better side, the verdict, the wins, and the mean difference; for a table."""
    return better_side(difference, names), difference.verdict, wins(difference), mean_difference(difference)
