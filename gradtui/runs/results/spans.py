"""Summaries of the stretches of a long curve: the lowest value, the highest value and the sum of each."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

BLOCK = 1024
"""Points of a curve to summarize together."""


@dataclass(frozen=True)
class Span:
    """The values of a column from ``start`` to ``end``."""

    column: Sequence[float]
    start: int
    end: int
    low: float
    """The lowest finite value; infinite if there is none."""
    high: float
    """The highest finite value; minus infinity if there is none."""
    finite: bool
    """Whether all values are finite."""
    total: float | None = None
    """The sum of a whole block, if known."""

    @cached_property
    def values(self) -> list[float]:
        values = self.column[self.start : self.end]
        return values.tolist() if isinstance(values, array) else [*values]

    @property
    def first_not_finite(self) -> int:
        """The index of the first value that is not finite, which must exist."""
        return self.start + next((i for i, value in enumerate(self.values) if not math.isfinite(value)), 0)

    def first_above(self, limit: float) -> int:
        """The index of the first finite value above a limit, which must exist."""
        return self.start + next((i for i, value in enumerate(self.values) if limit < value < math.inf), 0)


def place_of(value: float, values: Sequence[float]) -> int:
    """The first index of ``value``; 0 if it is missing, as a forged file can make it."""
    return values.index(value) if value in values else 0


def extremes(values: list[float]) -> tuple[float, float, bool]:
    """The lowest and the highest finite value (inf, -inf if there is none), and whether all values are finite."""
    finite = math.isfinite(sum(values))
    some = values if finite else [value for value in values if math.isfinite(value)]
    finite = finite or len(some) == len(values)  # finite values may add up to more than a float can hold
    return (min(some), max(some), finite) if some else (math.inf, -math.inf, finite)


def total(values: Sequence[float]) -> float:
    """The sum, rounded once, so that all Python versions agree; not finite if a value is not."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # infinities of both signs, or finite values that overflow on the way
        return math.nan


def spans_of(values: Sequence[float], before: int) -> list[Span]:
    """Split values at the block boundaries of the whole curve, of which ``before`` values came earlier."""
    values = values.tolist() if isinstance(values, array) else values
    ends = [*range(BLOCK - before % BLOCK, len(values), BLOCK), len(values)]
    stretches = zip([0, *ends], ends, strict=False)
    return [Span(values, start, end, *extremes([*values[start:end]])) for start, end in stretches if start < end]
