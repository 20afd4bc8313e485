"""The curves of many seeds in bounded memory: each seed's, and the band that most of them lie in.

The band is computed at every step and thinned afterwards, as the median curve is: a column of a chart shows the lowest lower
edge and the highest upper edge among its steps, so that no spike is lost and the median never leaves its band.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gradtui.runs.results.series import NOTHING_FINITE, Places
from gradtui.runs.results.spans import total

BAND_TAIL = 0.1
"""The share of the seeds below the band, and above it."""
SEEDS_FOR_PERCENTILES = 5
"""With fewer seeds a 10th percentile is no more than a guess, so the band goes from the lowest seed to the highest."""

NEARER = 0.5
"""Up to this share of the way, the beginning is nearer."""

MOST_STRETCHES = 8192
"""Stretches to keep per curve: ten for each dot of a wide chart, so that a tenth of a run can be drawn as sharply."""
MOST_VALUES = 32 * MOST_STRETCHES
"""Stretches to keep of all seeds together; each takes 16 bytes."""
FEWEST_STRETCHES = 512


@dataclass(frozen=True)
class BandPoint:
    """The band at x, from ``low`` to ``high``. Both are nan where most seeds are not finite; ``high`` is infinite where it is
    only the upper percentile that is not finite."""

    x: float
    low: float
    high: float


class Stretches:
    """The rows of a growing file in at most ``most`` stretches of equally many rows; ``xs`` are their first steps.

    When there are too many, every two become one. Whoever summarizes the rows in stretches is told by :meth:`add`.
    """

    def __init__(self, most: int = MOST_STRETCHES) -> None:
        self.xs = array("d")
        self.rows = 1
        """Rows in a complete stretch."""
        self._most = most
        self._open = 0  # rows still to come in the last stretch

    def __len__(self) -> int:
        return len(self.xs)

    def add(self, steps: Sequence[float]) -> Iterator[tuple[int, int, bool]]:
        """Divide new rows among the stretches: from which row, up to which, and whether they begin a stretch."""
        at = 0
        while at < len(steps):
            begins = not self._open
            if begins:
                self.xs.append(steps[at])
                self._open = self.rows
            end = min(len(steps), at + self._open)
            self._open -= end - at
            yield at, end, begins
            at = end

    def halve(self) -> bool:
        """Join every two stretches if there are too many; return whether it did."""
        if len(self.xs) <= self._most:
            return False
        self._open += self.rows * (len(self.xs) % 2)
        self.xs = self.xs[::2]
        self.rows *= 2
        return True

    def place(self, step: float) -> int:
        """Which stretch a step is in; -1 before the first."""
        return bisect_right(self.xs, step) - 1

    def between(self, xs: Places, first: float, last: float, columns: int) -> Iterator[tuple[int, int]]:
        """The ranges of stretches in each of ``columns`` columns from ``first`` to ``last`` that has any.

        ``xs`` are the x values of the stretches: their steps, or their equivalents on another axis. The first range
        includes the last stretch before ``first``, and one follows after ``last``, so that lines reach both edges.
        """
        width = max(last - first, 1e-12) / columns
        at = max(0, bisect_right(xs, first) - 1)
        for column in range(1, columns + 1):
            end = bisect_right(xs, last, at) if column == columns else bisect_left(xs, first + column * width, at)
            if end > at:
                yield at, end
            at = end
        if at < len(xs):
            yield at, at + 1


class SeedCurves:
    """One quantity of one side, for every seed, over the steps; all in memory that does not grow beyond a bound."""

    def __init__(self, seeds: int) -> None:
        most = max(FEWEST_STRETCHES, min(MOST_STRETCHES, MOST_VALUES // max(1, seeds)))
        self.stretches = Stretches(most)
        self.last: list[float] = [math.nan] * seeds
        """The value of each seed at the last step."""
        self.first_not_finite: list[float | None] = [None] * seeds
        """The first step at which each seed is not finite."""
        self.low, self.high = NOTHING_FINITE
        self.low_positive = math.inf
        """The extremes of the band, where it is finite."""
        self._lows = [array("d") for _ in range(seeds)]
        self._highs = [array("d") for _ in range(seeds)]
        self._band_lows, self._band_highs = array("d"), array("d")

    def __len__(self) -> int:
        return len(self.stretches)

    @property
    def seeds(self) -> int:
        return len(self.last)

    @property
    def not_finite(self) -> int:
        """How many seeds have had a value that is not finite."""
        return sum(step is not None for step in self.first_not_finite)

    def extend(self, steps: Sequence[float], columns: Sequence[Sequence[float]]) -> None:
        """Append rows: ascending steps, and a column of values per seed."""
        if not len(steps):
            return
        finite = [math.isfinite(total(column)) for column in columns]
        for place, column in enumerate(columns):
            self.last[place] = column[-1]
            if not finite[place] and self.first_not_finite[place] is None:
                bad = next((i for i, value in enumerate(column) if not math.isfinite(value)), None)
                self.first_not_finite[place] = None if bad is None else float(steps[bad])
        lows = [
            c if fine else [v if math.isfinite(v) else math.inf for v in c] for c, fine in zip(columns, finite, strict=True)
        ]
        highs = [
            c if fine else [v if math.isfinite(v) else -math.inf for v in c] for c, fine in zip(columns, finite, strict=True)
        ]
        band_lows, band_highs = band_edges(columns, all_finite=all(finite))
        self._note_extremes(band_lows, band_highs)
        if self.stretches.rows == 1:  # a row each
            for _ in self.stretches.add(steps):
                pass
            for kept, new in zip((*self._lows, *self._highs), (*lows, *highs), strict=True):
                kept.extend(new)
            self._band_lows.extend(band_lows)
            self._band_highs.extend(band_highs)
        else:
            every_low = [*zip((*self._lows, self._band_lows), (*lows, band_lows), strict=True)]
            every_high = [*zip((*self._highs, self._band_highs), (*highs, band_highs), strict=True)]
            for start, end, begins in self.stretches.add(steps):
                _summarize(every_low, start, end, begins, min)
                _summarize(every_high, start, end, begins, max)
        while self.stretches.halve():
            self._lows = [_joined(lows, min) for lows in self._lows]
            self._highs = [_joined(highs, max) for highs in self._highs]
            self._band_lows, self._band_highs = _joined(self._band_lows, min), _joined(self._band_highs, max)

    def _note_extremes(self, lows: Sequence[float], highs: Sequence[float]) -> None:
        low = min((value for value in lows if math.isfinite(value)), default=math.inf)
        high = max((value for value in highs if math.isfinite(value)), default=-math.inf)
        self.low, self.high = min(self.low, low), max(self.high, high)
        positive = low if low > 0 else min((value for value in lows if 0 < value < math.inf), default=math.inf)
        self.low_positive = min(self.low_positive, positive)

    def band(self, xs: Places, first: float, last: float, columns: int) -> list[BandPoint]:
        """The band in each column; ``xs`` are the x values of the stretches."""
        points = []
        for start, end in self.stretches.between(xs, first, last, columns):
            low, high = min(self._band_lows[start:end]), max(self._band_highs[start:end])
            points.append(BandPoint(xs[start], low, high) if low < math.inf else BandPoint(xs[start], math.nan, math.nan))
        return points

    def of_seed(self, place: int, xs: Places, first: float, last: float, columns: int) -> list[tuple[float, float]]:
        """One seed's curve: the lowest and the highest value in each column, the nearer to the point before it first."""
        lows, highs = self._lows[place], self._highs[place]
        points: list[tuple[float, float]] = []
        before = math.nan
        for start, end in self.stretches.between(xs, first, last, columns):
            low, high = min(lows[start:end]), max(highs[start:end])
            if low > high:
                points.append((xs[start], math.nan))
                continue
            ends = (high, low) if abs(before - high) < abs(before - low) else (low, high)
            points += [(xs[start], ends[0])] if low == high else [(xs[start], ends[0]), (xs[start], ends[1])]
            before = ends[-1]
        return points

    def at(self, step: float, place: int | None = None) -> tuple[float, float] | None:
        """The band's edges, or a seed's lowest and highest value, in the stretch of a step; None before the first one."""
        at = self.stretches.place(step)
        if at < 0:
            return None
        lows, highs = (self._band_lows, self._band_highs) if place is None else (self._lows[place], self._highs[place])
        return (lows[at], highs[at]) if lows[at] <= highs[at] else (math.nan, math.nan)


def band_name(seeds: int) -> str:
    """What the band of so many seeds shows."""
    if seeds < SEEDS_FOR_PERCENTILES:
        return "min-max"
    return f"{100 * BAND_TAIL:.0f}-{100 - 100 * BAND_TAIL:.0f} %"


def band_edges(columns: Sequence[Sequence[float]], *, all_finite: bool = False) -> tuple[list[float], list[float]]:
    """The lower and the upper edge at each row of values, a column per seed.

    Percentiles are interpolated linearly between two seeds; if one of those is not finite, the nearer one counts. nan counts
    as larger than every number, so where more than a tenth of the seeds are not finite, the upper edge is infinite. A lower
    edge that is infinite means that there is no band.
    """
    if not all_finite:
        columns = [[math.inf if math.isnan(value) else value for value in column] for column in columns]
    seeds = len(columns)
    if seeds < SEEDS_FOR_PERCENTILES:
        return [*map(min, zip(*columns, strict=True))], [*map(max, zip(*columns, strict=True))]
    below, share = divmod(BAND_TAIL * (seeds - 1), 1)
    place, rest = int(below), 1 - share
    rows = [*map(sorted, zip(*columns, strict=True))]
    if all_finite:
        lows = [rest * row[place] + share * row[place + 1] for row in rows]
        highs = [rest * row[-1 - place] + share * row[-2 - place] for row in rows]
        return lows, highs
    return (
        [_between(row[place], row[place + 1], share) for row in rows],
        [_between(row[-2 - place], row[-1 - place], rest) for row in rows],
    )


def _between(low: float, high: float, share: float) -> float:
    """The value at a share of the way from one to the other, either of which may be infinite."""
    if math.isinf(low) or math.isinf(high):
        return low if share < NEARER else high
    return (1 - share) * low + share * high


def _summarize(
    pairs: Sequence[tuple[array[float], Sequence[float]]],
    start: int,
    end: int,
    begins: bool,
    choose: Callable[[Sequence[float]], float],
) -> None:
    """Put the extreme of each new column's rows into the last stretch of its curve."""
    for kept, new in pairs:
        value = choose(new[start:end])
        if begins:
            kept.append(value)
        else:
            kept[-1] = choose((kept[-1], value))


def _joined(values: array[float], choose: Callable[[float, float], float]) -> array[float]:
    """One value for every two; an odd one at the end stays alone."""
    joined = array("d", map(choose, values[::2], values[1::2]))
    if len(values) % 2:
        joined.append(values[-1])
    return joined
