"""The points of a curve, and few enough of them to draw."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

from gradtui.runs.results.spans import BLOCK, Span, extremes, place_of, spans_of


class Places(Protocol):
    """Where the points of a curve stand on the x axis, ascending: an array, or what reads like one."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: int, /) -> float: ...
    @overload
    def __getitem__(self, at: slice, /) -> Sequence[float]: ...


class Steps:
    """Ascending whole numbers that mostly count up by one, read like an array; kept as stretches, a million in no space."""

    def __init__(self) -> None:
        self._starts: array[int] = array("Q")  # the place at which each stretch begins
        self._firsts = array("d")  # and its first number
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int, /) -> float: ...
    @overload
    def __getitem__(self, at: slice, /) -> Sequence[float]: ...
    def __getitem__(self, at: int | slice, /) -> float | Sequence[float]:
        if isinstance(at, slice):
            places = range(self._length)[at]
            if places.step == 1 and places and self[places[-1]] - self[places[0]] == len(places) - 1:
                return range(int(self[places[0]]), int(self[places[-1]]) + 1)  # within one stretch
            return [self[i] for i in places]
        at = range(self._length)[at]
        stretch = bisect_right(self._starts, at) - 1
        return self._firsts[stretch] + at - self._starts[stretch]

    def extend(self, numbers: Sequence[float]) -> None:
        """Add numbers that go on ascending."""
        if not numbers:
            return
        if numbers[-1] - numbers[0] != len(numbers) - 1:  # each is a stretch of its own
            self._starts.extend(range(self._length, self._length + len(numbers)))
            self._firsts.extend(numbers)
        elif not self._length or numbers[0] != self[-1] + 1:
            self._starts.append(self._length)
            self._firsts.append(numbers[0])
        self._length += len(numbers)


NOTHING_FINITE = math.inf, -math.inf
"""The lowest and the highest value where none is finite."""


@dataclass
class Series:
    """A curve as it was recorded: ``xs`` are steps, ``ys`` any floats, nan and the infinities among them.

    ``blocks`` has the lowest and the highest value of each BLOCK points, so that a long curve is seen anew without going
    through its points. ``ys`` are kept in single precision for as long as that loses nothing.
    """

    xs: Steps = field(default_factory=Steps)
    ys: array[float] = field(default_factory=lambda: array("f"))
    blocks: list[tuple[float, float]] = field(default_factory=list)
    low: float = math.inf
    high: float = -math.inf
    low_positive: float = math.inf
    first_not_finite: float | None = None
    _open: tuple[float, float] = NOTHING_FINITE  # of the block that is not full yet

    def __len__(self) -> int:
        return len(self.xs)

    def extend(self, xs: Sequence[float], ys: Sequence[float], spans: Sequence[Span] = ()) -> None:
        """Add points to the right end; ``spans`` are those of ``ys``, where they are known."""
        before = len(self.ys)
        self.xs.extend(xs)
        self._keep(ys)
        for span in spans or spans_of(ys, before):
            if not span.finite and self.first_not_finite is None:
                self.first_not_finite = float(xs[span.first_not_finite])
            if span.low <= span.high:
                self.low, self.high = min(self.low, span.low), max(self.high, span.high)
                positive = span.low if span.low > 0 else _lowest_positive(span.values)
                self.low_positive = min(self.low_positive, positive)
                self._open = min(self._open[0], span.low), max(self._open[1], span.high)
            if (before + span.end) % BLOCK == 0:
                self.blocks.append(self._open)
                self._open = NOTHING_FINITE

    def _keep(self, ys: Sequence[float]) -> None:
        if isinstance(ys, array) and ys.typecode == self.ys.typecode:
            self.ys.extend(ys)
            return
        if self.ys.typecode == "f":
            single = array("f", ys)
            if single.tolist() == ys or array("d", single).tobytes() == array("d", ys).tobytes():  # nan is not itself
                self.ys.extend(single)
                return
            self.ys = array("d", self.ys)
        self.ys.extend(array("d", ys))


def _lowest_positive(values: Sequence[float]) -> float:
    return min((value for value in values if 0 < value < math.inf), default=math.inf)


class Thinned:
    """A curve seen through ``columns`` columns from ``first`` to ``last``: at most two points a column.

    Of all points in a column the lowest and the highest are kept, in the order in which they came, so that no spike is
    lost. Columns that are complete are never looked at again: a frame costs what is new, however long the series is.
    """

    def __init__(self, xs: Places, series: Series, first: float, last: float, columns: int) -> None:
        """``xs`` are the places of the series' points: its steps, or what stands for them on another axis."""
        self._xs, self._series = xs, series
        self._first = first
        self._width = max(last - first, 1e-12) / columns
        self._columns = columns
        self._done: list[tuple[float, float]] = []  # of complete columns
        self._column = 0
        self._open = _Column(0)

    def points(self) -> list[tuple[float, float]]:
        """The points to draw; y is nan where there is a gap: where no value in a column is finite."""
        xs = self._xs
        if self._column == 0 and self._open.end == self._open.start:  # nothing of the range has been there yet
            self._open = _Column(bisect_left(xs, self._first))
        while self._column < self._columns:
            end = bisect_left(xs, self._first + (self._column + 1) * self._width, self._open.end)
            if self._column == self._columns - 1:
                end = len(xs)
            self._open.extend(self._series, end)
            points = self._open.points(xs, self._series.ys)
            if end == len(xs):  # more may come into this column
                return self._done + points
            self._done += points
            self._column, self._open = self._column + 1, _Column(end)
        return self._done


class _Column:
    """The extremes of a curve from one place to another; each value is looked at once."""

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self._low, self._high = NOTHING_FINITE
        self._low_in = self._high_in = start, start  # where the first such value stands

    def extend(self, series: Series, end: int) -> None:
        """Go on to ``end``."""
        while self.end < end:
            block, inside = divmod(self.end, BLOCK)
            stop = min(end, (block + 1) * BLOCK)
            if not inside and stop == (block + 1) * BLOCK:
                low, high = series.blocks[block]
            else:
                low, high, _ = extremes(series.ys[self.end : stop].tolist())
            if low < self._low:
                self._low, self._low_in = low, (self.end, stop)
            if high > self._high:
                self._high, self._high_in = high, (self.end, stop)
            self.end = stop

    def points(self, xs: Places, ys: array[float]) -> list[tuple[float, float]]:
        """Both extremes in the order in which they came; all points where there are no more than two."""
        if self.end - self.start <= 2:
            return [(xs[i], ys[i] if math.isfinite(ys[i]) else math.nan) for i in range(self.start, self.end)]
        if self._low > self._high:
            return [(xs[self.start], math.nan)]
        places = {_place(ys, self._low, self._low_in), _place(ys, self._high, self._high_in)}
        return [(xs[at], ys[at]) for at in sorted(places)]


def _place(ys: array[float], value: float, between: tuple[int, int]) -> int:
    """The first place of a value."""
    return between[0] + place_of(value, ys[slice(*between)])
