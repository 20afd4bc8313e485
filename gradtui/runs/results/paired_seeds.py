"""The paired difference between both sides over the steps: for every seed, then its mean over the seeds and an interval.

A step has one value per seed, so the interval is over seeds alone. A column of a chart covers many steps; there, each seed's
difference is averaged over those steps first, and the interval is that of the averages.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from gradtui.runs.results.bands import FEWEST_STRETCHES, MOST_STRETCHES, MOST_VALUES, Stretches
from gradtui.runs.results.statistics import t_interval
from gradtui.runs.tail import Chunk, CsvTail

Rows = tuple[Sequence[float], list[Sequence[float]], list[Sequence[float]]]
"""Steps that both sides have; for each seed, the left side's values, and the right side's."""


def log_ratio(left: float, right: float) -> float:
    """log(right / left); nan unless both are positive and finite."""
    return math.log(right) - math.log(left) if 0 < left < math.inf and 0 < right < math.inf else math.nan


def points(left: float, right: float) -> float:
    """right - left of two shares, in percentage points; nan unless both are finite."""
    return 100 * (right - left) if math.isfinite(left) and math.isfinite(right) else math.nan


@dataclass(frozen=True)
class DifferencePoint:
    """The mean difference at x with its 95 % interval, which is nan for a single seed; ``seeds`` were counted."""

    x: float
    mean: float
    low: float
    high: float
    seeds: int


class PairedDifference:
    """The difference of one quantity, for every seed, over the steps; in memory that does not grow beyond a bound."""

    def __init__(self, seeds: int, differ: Callable[[float, float], float]) -> None:
        """``differ`` takes the left and the right value of a seed; nan leaves that seed out."""
        self.seeds = seeds
        self.differ = differ
        most = max(FEWEST_STRETCHES, min(MOST_STRETCHES, MOST_VALUES // max(1, seeds)))
        self.stretches = Stretches(most)
        self._sums = [array("d") for _ in range(seeds)]  # of each stretch; nan if a step of it is left out
        self._rows = array("d")
        self._known: dict[tuple[int, int], DifferencePoint] = {}

    def extend(self, rows: Rows) -> None:
        """Append rows of ascending steps."""
        steps, lefts, rights = rows
        values = [[*map(self.differ, left, right)] for left, right in zip(lefts, rights, strict=True)]
        for start, end, begins in self.stretches.add(steps):
            for kept, new in zip(self._sums, values, strict=True):
                total = sum(new[start:end])
                if begins:
                    kept.append(total)
                else:
                    kept[-1] += total
            if begins:
                self._rows.append(end - start)
            else:
                self._rows[-1] += end - start
        while self.stretches.halve():
            self._sums = [_added(sums) for sums in self._sums]
            self._rows = _added(self._rows)
            self._known.clear()

    def points(self, first: float, last: float, columns: int) -> list[DifferencePoint]:
        """A point for each column from ``first`` to ``last`` that has steps. Complete columns are computed once."""
        known, self._known = self._known, {}
        drawn = []
        for start, end in self.stretches.between(self.stretches.xs, first, last, columns):
            point = known.get((start, end)) or self._point(start, end)
            if end < len(self.stretches):
                self._known[start, end] = point
            drawn.append(point)
        return drawn

    def at(self, step: float) -> DifferencePoint | None:
        """The difference in the stretch of a step; None before the first one."""
        place = self.stretches.place(step)
        return self._point(place, place + 1) if place >= 0 else None

    @property
    def latest(self) -> DifferencePoint | None:
        """The difference in the last stretch."""
        return self._point(len(self.stretches) - 1, len(self.stretches)) if len(self.stretches) else None

    def _point(self, start: int, end: int) -> DifferencePoint:
        rows = sum(self._rows[start:end])
        averages = [sum(sums[start:end]) / rows for sums in self._sums]
        counted = [value for value in averages if math.isfinite(value)]
        x = self.stretches.xs[start]
        if not counted:
            return DifferencePoint(x, math.nan, math.nan, math.nan, 0)
        return DifferencePoint(x, fmean(counted), *t_interval(counted), len(counted))


def _added(values: array[float]) -> array[float]:
    """The sum of every two; an odd one at the end stays alone."""
    added = array("d", (a + b for a, b in zip(values[::2], values[1::2], strict=False)))
    if len(values) % 2:
        added.append(values[-1])
    return added


class PairedTail:
    """Reads the rows that both of two growing files have, in step, so that neither side's rows pile up."""

    def __init__(self, left: CsvTail, right: CsvTail) -> None:
        self._tails = left, right
        self._waiting: list[Chunk | None] = [None, None]
        self._from = [0, 0]

    def read(self) -> Rows | None:
        """The next rows of both sides, a few milliseconds of work; None if one side has no more yet."""
        for side, tail in enumerate(self._tails):
            if self._waiting[side] is None:
                self._waiting[side], self._from[side] = tail.read(), 0
        left, right = self._waiting
        if left is None or right is None:
            return None
        name = left.names[0]
        lefts, rights = left.values[name][self._from[0] :], right.values[name][self._from[1] :]
        rows = min(len(lefts), len(rights))
        if [*lefts[:rows]] == [*rights[:rows]]:
            mine = yours = [*range(rows)]
            used = rows, rows
        else:  # a side lacks a row, because it was damaged
            upto = min(lefts[-1], rights[-1])
            places = [{step: i for i, step in enumerate(steps) if step <= upto} for steps in (lefts, rights)]
            both = [step for step in places[0] if step in places[1]]
            mine, yours = ([of[step] for step in both] for of in places)
            used = len(places[0]), len(places[1])
        columns: list[list[Sequence[float]]] = [
            [[values[start + i] for i in chosen] for values in (chunk.values[seed] for seed in chunk.names[1:])]
            for chunk, start, chosen in ((left, self._from[0], mine), (right, self._from[1], yours))
        ]
        steps = [lefts[i] for i in mine]
        for side, chunk in enumerate((left, right)):
            self._from[side] += used[side]
            if self._from[side] >= len(chunk):
                self._waiting[side] = None
        return steps, columns[0], columns[1]
