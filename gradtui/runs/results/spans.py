"""What the stretches of a long curve come to: the lowest, the highest value and the sum of each."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

BLOCK = 1024
"""Points of a curve that are looked through together, once."""


@dataclass(frozen=True)
class Span:
    """The values of a column from ``start`` to ``end``."""

    column: Sequence[float]
    start: int
    end: int
    low: float
    """The lowest finite value; infinite where there is none."""
    high: float
    """The highest finite value; minus infinity where there is none."""
    finite: bool
    """Whether all values are."""
    total: float | None = None
    """The sum of a whole block, where it is known."""

    @cached_property
    def values(self) -> list[float]:
        values = self.column[self.start : self.end]
        return values.tolist() if isinstance(values, array) else [*values]

    @property
    def first_not_finite(self) -> int:
        """The place of the first value that is not finite; there is one."""
        return self.start + next((i for i, value in enumerate(self.values) if not math.isfinite(value)), 0)

    def first_above(self, limit: float) -> int:
        """The place of the first finite value above a limit; there is one."""
        return self.start + next((i for i, value in enumerate(self.values) if limit < value < math.inf), 0)


def place_of(value: float, values: Sequence[float]) -> int:
    """The first place of one of these values. (A forged file may name another: then the first.)"""
    return values.index(value) if value in values else 0


def extremes(values: list[float]) -> tuple[float, float, bool]:
    """The lowest and the highest finite value, infinite the wrong way round where there is none; whether all are finite."""
    finite = math.isfinite(sum(values))
    some = values if finite else [value for value in values if math.isfinite(value)]
    finite = finite or len(some) == len(values)  # finite values may add up to more than a float can hold
    return (min(some), max(some), finite) if some else (math.inf, -math.inf, finite)


def total(values: Sequence[float]) -> float:
    """Their sum, rounded once: the same in every version of Python; of values that are not finite, not finite."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # infinities of both signs, or finite values that overflow on the way
        return math.nan


def spans_of(values: Sequence[float], before: int) -> list[Span]:
    """The values in stretches that end where a block of the whole curve ends, ``before`` values of which came earlier."""
    values = values.tolist() if isinstance(values, array) else values
    ends = [*range(BLOCK - before % BLOCK, len(values), BLOCK), len(values)]
    stretches = zip([0, *ends], ends, strict=False)
    return [Span(values, start, end, *extremes([*values[start:end]])) for start, end in stretches if start < end]
