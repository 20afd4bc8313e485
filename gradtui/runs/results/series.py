"""The points of a curve, and a thinned selection of them to draw."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

from gradtui.runs.results.spans import BLOCK, Span, extremes, place_of, spans_of


class Places(Protocol):
    """The ascending x values of a curve's points: an array, or an object that reads like one."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: int, /) -> float: ...
    @overload
    def __getitem__(self, at: slice, /) -> Sequence[float]: ...


class StepNumbers:
    """Ascending whole numbers that mostly count up by one.

    Reads like an array, but stores only the stretches, so that a million numbers take almost no memory.
    """

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
                return range(int(self[places[0]]), int(self[places[-1]]) + 1)  # all in one stretch
            return [self[i] for i in places]
        at = range(self._length)[at]
        stretch = bisect_right(self._starts, at) - 1
        return self._firsts[stretch] + at - self._starts[stretch]

    def extend(self, numbers: Sequence[float]) -> None:
        """Append numbers, which must keep ascending."""
        if not numbers:
            return
        if numbers[-1] - numbers[0] != len(numbers) - 1:  # each becomes its own stretch
            self._starts.extend(range(self._length, self._length + len(numbers)))
            self._firsts.extend(numbers)
        elif not self._length or numbers[0] != self[-1] + 1:
            self._starts.append(self._length)
            self._firsts.append(numbers[0])
        self._length += len(numbers)


NOTHING_FINITE = math.inf, -math.inf
"""The lowest and the highest value if none is finite."""


@dataclass
class Series:
    """A curve as recorded: ``xs`` are steps, ``ys`` any floats, including nan and the infinities.

    ``blocks`` has the lowest and the highest value of each BLOCK points, so that a long curve can be redrawn without going
    through its points. ``ys`` are stored in single precision as long as that loses nothing.
    """

    xs: StepNumbers = field(default_factory=StepNumbers)
    ys: array[float] = field(default_factory=lambda: array("f"))
    blocks: list[tuple[float, float]] = field(default_factory=list)
    low: float = math.inf
    high: float = -math.inf
    low_positive: float = math.inf
    first_not_finite: float | None = None
    _open: tuple[float, float] = NOTHING_FINITE  # of the unfinished block

    def __len__(self) -> int:
        return len(self.xs)

    def extend(self, xs: Sequence[float], ys: Sequence[float], spans: Sequence[Span] = ()) -> None:
        """Append points; ``spans`` are those of ``ys``, if known."""
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
            if single.tolist() == ys or array("d", single).tobytes() == array("d", ys).tobytes():  # bytes, as nan != nan
                self.ys.extend(single)
                return
            self.ys = array("d", self.ys)
        self.ys.extend(array("d", ys))


def _lowest_positive(values: Sequence[float]) -> float:
    return min((value for value in values if 0 < value < math.inf), default=math.inf)


class Thinned:
    """A curve thinned to at most two points in each of ``columns`` columns from ``first`` to ``last``.

    Each column keeps its lowest and its highest point, in their original order, so that no spike is lost. Complete columns
    are never looked at again: a frame costs only what is new, however long the series is.
    """

    def __init__(self, xs: Places, series: Series, first: float, last: float, columns: int) -> None:
        """``xs`` are the x values of the series' points: its steps, or their equivalents on another axis."""
        self._xs, self._series = xs, series
        self._first = first
        self._width = max(last - first, 1e-12) / columns
        self._columns = columns
        self._done: list[tuple[float, float]] = []  # of complete columns
        self._column = 0
        self._open = _Column(0)

    def points(self) -> list[tuple[float, float]]:
        """The points to draw; y is nan for a gap, where no value in a column is finite."""
        xs = self._xs
        if self._column == 0 and self._open.end == self._open.start:  # no point of the range has arrived yet
            self._open = _Column(bisect_left(xs, self._first))
        while self._column < self._columns:
            end = bisect_left(xs, self._first + (self._column + 1) * self._width, self._open.end)
            if self._column == self._columns - 1:
                end = len(xs)
            self._open.extend(self._series, end)
            points = self._open.points(xs, self._series.ys)
            if end == len(xs):  # this column may get more points
                return self._done + points
            self._done += points
            self._column, self._open = self._column + 1, _Column(end)
        return self._done


class _Column:
    """The extremes of a curve in one column; looks at each value once."""

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self._low, self._high = NOTHING_FINITE
        self._low_in = self._high_in = start, start  # the range with the first such value

    def extend(self, series: Series, end: int) -> None:
        """Extend the column to ``end``."""
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
        """Both extremes in their original order; all points if there are at most two."""
        if self.end - self.start <= 2:
            return [(xs[i], ys[i] if math.isfinite(ys[i]) else math.nan) for i in range(self.start, self.end)]
        if self._low > self._high:
            return [(xs[self.start], math.nan)]
        places = {_place(ys, self._low, self._low_in), _place(ys, self._high, self._high_in)}
        return [(xs[at], ys[at]) for at in sorted(places)]


def _place(ys: array[float], value: float, between: tuple[int, int]) -> int:
    """The first index of a value in a range."""
    return between[0] + place_of(value, ys[slice(*between)])
