"""The points of a curve, and few enough of them to draw."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload


class Places(Protocol):
    """Where the points of a curve stand on the x axis, ascending: an array, or what reads like one."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: int, /) -> float: ...
    @overload
    def __getitem__(self, at: slice, /) -> Sequence[float]: ...


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


class Smoothed:
    """A series' exponential moving average, debiased, so that it starts where the series starts.

    ``s[n] = weight * s[n-1] + (1 - weight) * y[n]``, divided by ``1 - weight**n``. Values that are not finite are
    gaps and do not enter it.
    """

    def __init__(self, source: Series, weight: float) -> None:
        self.series = Series()
        self._source = source
        self._weight = weight
        self._sum = 0.0
        self._debt = 1.0
        self._at = 0

    def catch_up(self) -> Series:
        """The average over all points that the series has by now."""
        weight, total, debt = self._weight, self._sum, self._debt
        smooth = []
        for y in self._source.ys[self._at :]:
            if math.isfinite(y):
                total = weight * total + (1 - weight) * y
                debt *= weight
                smooth.append(total / (1 - debt))
            else:
                smooth.append(math.nan)
        if smooth:
            self.series.extend(self._source.xs[self._at :], smooth)
        self._sum, self._debt, self._at = total, debt, len(self._source.ys)
        return self.series


class Thinned:
    """A curve seen through ``columns`` columns from ``first`` to ``last``: at most two points a column.

    Of all points in a column the lowest and the highest are kept, in the order in which they came, so that no spike is
    lost. Columns that are complete are never looked at again: a frame costs what is new, however long the series is.
    """

    def __init__(self, xs: Places, ys: array[float], first: float, last: float, columns: int) -> None:
        self._xs, self._ys = xs, ys
        self._first = first
        self._width = max(last - first, 1e-12) / columns
        self._columns = columns
        self._done: list[tuple[float, float]] = []  # of complete columns
        self._column = 0
        self._at = bisect_left(xs, first)

    def points(self) -> list[tuple[float, float]]:
        """The points to draw; y is nan where there is a gap: where no value in a column is finite."""
        xs, ys = self._xs, self._ys
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


def _extremes(xs: Places, ys: array[float], start: int, end: int) -> list[tuple[float, float]]:
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
