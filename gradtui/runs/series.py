"""The points of a curve, and few enough of them to draw."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Series:
    """A curve as it was recorded: ``xs`` ascending, ``ys`` any floats, nan and the infinities among them."""

    xs: array[float] = field(default_factory=lambda: array("d"))
    ys: array[float] = field(default_factory=lambda: array("d"))
    low: float = math.inf
    high: float = -math.inf
    low_positive: float = math.inf
    first_not_finite: float | None = None

    def __len__(self) -> int:
        return len(self.xs)

    def extend(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Add points to the right end."""
        self.xs.extend(xs)
        self.ys.extend(ys)
        finite = ys if math.isfinite(sum(ys)) else [y for y in ys if math.isfinite(y)]
        if len(finite) < len(ys) and self.first_not_finite is None:
            self.first_not_finite = next(x for x, y in zip(xs, ys, strict=True) if not math.isfinite(y))
        if finite:
            lowest = min(finite)
            self.low, self.high = min(self.low, lowest), max(self.high, max(finite))
            positive = lowest if lowest > 0 else min((y for y in finite if y > 0), default=math.inf)
            self.low_positive = min(self.low_positive, positive)


class Thinned:
    """A series seen through ``columns`` columns from ``first`` to ``last``: at most two points a column.

    Of all points in a column the lowest and the highest are kept, in the order in which they came, so that no spike is
    lost. Columns that are complete are never looked at again: a frame costs what is new, however long the series is.
    """

    def __init__(self, series: Series, first: float, last: float, columns: int) -> None:
        self._series = series
        self._first = first
        self._width = max(last - first, 1e-12) / columns
        self._columns = columns
        self._done: list[tuple[float, float]] = []  # of complete columns
        self._column = 0
        self._at = bisect_left(series.xs, first)

    def points(self) -> list[tuple[float, float]]:
        """The points to draw; y is nan where there is a gap: where no value in a column is finite."""
        xs, ys = self._series.xs, self._series.ys
        while self._column < self._columns:
            end = bisect_left(xs, self._first + (self._column + 1) * self._width, self._at)
            if self._column == self._columns - 1:
                end = len(xs)
            extremes = _extremes(xs, ys, self._at, end)
            if end == len(xs):  # more may come into this column
                return self._done + extremes
            self._done += extremes
            self._column, self._at = self._column + 1, end
        return self._done


def _extremes(xs: array[float], ys: array[float], start: int, end: int) -> list[tuple[float, float]]:
    if start >= end:
        return []
    values: Sequence[float] = ys[start:end]
    if end - start <= 2:
        return [(x, y if math.isfinite(y) else math.nan) for x, y in zip(xs[start:end], values, strict=True)]
    if not math.isfinite(sum(values)):
        finite = [y for y in values if math.isfinite(y)]
        if not finite:
            return [(xs[start], math.nan)]
        low, high = min(finite), max(finite)
    else:
        low, high = min(values), max(values)
    at_low, at_high = values.index(low), values.index(high)
    if at_low == at_high:
        return [(xs[start + at_low], low)]
    return [(xs[start + at], ys[start + at]) for at in sorted((at_low, at_high))]
