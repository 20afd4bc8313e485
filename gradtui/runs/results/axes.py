"""The axes of the charts: stable ranges, ticks at round numbers, linear or logarithmic."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high``, or, if ``log``, from ``10**low`` to ``10**high``."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """The position of a value from 0 (bottom) to 1 (top); nan if it has none, which leaves a gap."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        if self.log:
            value = math.log10(value)
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)  # halved, so that large floats do not overflow

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most ``most`` positions with their labels, from the bottom up."""
        if self.log:
            gap = max(1, math.ceil((self.high - self.low) / max(1, most - 1)))
            exponents = range(math.ceil(self.low), math.floor(self.high) + 1, gap)
            return [((e - self.low) / (self.high - self.low), f"1e{e:+03d}") for e in exponents]
        step = round_up((self.high / 2 - self.low / 2) / max(1, most - 1) * 2)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self.place(i * step), tick_label(i * step, step)) for i in range(first, last + 1)]


UNIT_AXIS = Axis(0.0, 1.0)
"""The axis of a chart with nothing to show yet."""


def round_up(value: float) -> float:
    """Round up to the next of ..., 1, 2, 5, 10, 20, 50, ...; 1.0 if ``value`` is not positive and finite."""
    if not 0 < value < math.inf:
        return 1.0
    power = 10.0 ** max(-300, min(307, math.floor(math.log10(value))))
    return next((factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9)), value)


def tick_label(value: float, step: float) -> str:
    """A tick label with as few characters as distinguish it from its neighbours."""
    if value == 0:
        return "0"
    if abs(value) >= 99_999 or step < 0.0005:
        return f"{value:.3g}" if abs(value) < 99_999 and step >= 1e-4 else f"{value:.1e}".replace(".0e", "e")
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{decimals}f}"


def linear_axis(low: float, high: float, before: Axis | None = None) -> Axis:
    """An axis with round ends that covers ``low`` to ``high``, 0, and what ``before`` covered."""
    if low > high:
        return before or UNIT_AXIS
    if before is not None and before.low <= low and high <= before.high:
        return before
    if before is not None:
        low, high = min(low, before.low), max(high, before.high)
    bottom = -round_up(-low) if low < 0 else 0.0
    top = round_up(high) if high > 0 else 0.0
    if bottom == top:
        top = bottom + 1.0
    return Axis(bottom, top)


def log_axis(low: float, high: float, before: Axis | None = None) -> Axis:
    """An axis of whole decades that covers the positive values ``low`` to ``high`` and what ``before`` covered."""
    if not 0 < low <= high:
        return before or Axis(-1.0, 1.0, log=True)
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if before is not None:
        bottom, top = min(bottom, int(before.low)), max(top, int(before.high))
    return Axis(float(bottom), float(max(top, bottom + 1)), log=True)
