"""Format numbers, for the screen and in print: three significant digits, thousands separators, units."""

from __future__ import annotations

import math

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
