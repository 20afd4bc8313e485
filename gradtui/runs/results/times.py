"""Times of steps: kept as whole ticks of 0.1 microseconds, as workers write them; exact sums, and a median in little room.

What is said of them does not depend on the pieces in which they arrive.
"""

from __future__ import annotations

import itertools
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

TICKS = 10_000_000
"""Ticks in a second. ``tick / TICKS`` is the float that the seven decimals of a worker's time read as."""
LARGEST_TICK = 2**32 - 1
STRETCH = 256
"""A clock knows the time at the end of each such stretch of steps; inside of one it is added up when it is asked for."""
MOST_TIMES = 50_000
"""Above this many distinct times that are not whole ticks, all of them are rounded to ticks."""


class NotWhole(Exception):
    """A time that is not a whole number of ticks."""


def tick_of(seconds: float) -> int:
    """A time in ticks. Raises NotWhole."""
    if not 0 <= seconds <= LARGEST_TICK / TICKS or math.copysign(1, seconds) < 0:
        raise NotWhole
    tick = round(seconds * TICKS)
    if tick / TICKS != seconds:
        raise NotWhole
    return tick


class Ticks(Sequence[float]):
    """Times in seconds, read like a list of floats and kept as ticks."""

    def __init__(
        self, ticks: Sequence[int], counts: Mapping[int, int] | None = None, stretches: Sequence[int] | None = None
    ) -> None:
        """``counts`` is how often each occurs, ``stretches`` the sum of each STRETCH of them, where these are known."""
        self.ticks = ticks
        self.counts = counts
        self.stretches = stretches

    def __len__(self) -> int:
        return len(self.ticks)

    def __iter__(self) -> Iterator[float]:
        return iter([tick / TICKS for tick in self.ticks])

    @overload
    def __getitem__(self, at: int, /) -> float: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[float]: ...
    def __getitem__(self, at: int | slice, /) -> float | list[float]:
        if isinstance(at, slice):
            return [tick / TICKS for tick in self.ticks[at]]
        return self.ticks[at] / TICKS


def in_ticks(times: list[float]) -> Ticks | list[float]:
    """The same times, in ticks where all of them are whole."""
    try:
        return Ticks([*map(tick_of, times)])
    except NotWhole:
        return times


@dataclass
class StepTimes:
    """How many steps took how long, and how long all took together."""

    most: int = MOST_TIMES
    ticks: Counter[int] = field(default_factory=Counter)
    """The steps that took so many ticks."""
    others: Counter[float] = field(default_factory=Counter)
    """The steps that took so many seconds, where that is no whole tick."""
    _total_ticks: int = 0
    _others_total: tuple[float, float] = (0.0, 0.0)  # a sum and what was lost in rounding it

    def add(self, times: Sequence[float]) -> None:
        if isinstance(times, Ticks):
            self.ticks.update(times.ticks if times.counts is None else times.counts)
            self._total_ticks += sum(times.ticks if times.stretches is None else times.stretches)
            return
        for time, count in Counter(times).items():
            try:
                tick = tick_of(time)
            except NotWhole:
                self.others[time] += count
                self._add_other([time] * count)
            else:
                self.ticks[tick] += count
                self._total_ticks += tick * count
        if len(self.others) > self.most:
            self.most = 0  # from now on each is rounded as it comes, whichever comes first
            for time, count in self.others.items():
                self.ticks[int(time * TICKS + 0.5)] += count
            self.others.clear()

    def _add_other(self, times: list[float]) -> None:
        total = math.fsum([*self._others_total, *times])
        self._others_total = total, math.fsum([*self._others_total, *times, -total])

    @property
    def seconds(self) -> float:
        """Their sum."""
        return math.fsum([self._total_ticks / TICKS, *self._others_total])

    def in_milliseconds(self, *shares: float) -> list[float | None]:
        """The time that each ``share`` of the steps took at most; the mean of the middle two for a median."""
        counts = Counter({tick / TICKS: count for tick, count in self.ticks.items()})
        counts.update(self.others)
        times = sorted(counts)
        steps = [*itertools.accumulate(map(counts.__getitem__, times))]  # that took such a time or less
        if not times:
            return [None for _ in shares]
        found: list[float | None] = []
        for share in shares:
            rank = math.ceil(share * steps[-1])
            ranks = (rank, math.floor(share * steps[-1]) + 1) if share == 0.5 else (rank, rank)
            found.append(500 * sum(times[bisect_left(steps, rank)] for rank in ranks))
        return found


class Clock:
    """The training time at the end of each step, four bytes a step."""

    def __init__(self) -> None:
        self._times: array[Any] = array("I")  # in ticks; in seconds once one is no whole tick
        self._unit: int = TICKS
        self._stretches: list[float] = [0]  # the time at the beginning of each
        self._latest: tuple[int, list[float]] = (-1, [])  # the times in the stretch that was asked for last

    def __len__(self) -> int:
        return len(self._times)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clock) and (self._unit, self._times) == (other._unit, other._times)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def extend(self, times: Sequence[float]) -> None:
        """The times of the next steps, in seconds."""
        before = len(self._times)
        if self._unit == TICKS:
            ticks = times if isinstance(times, Ticks) else in_ticks([*times])
            if isinstance(ticks, Ticks):
                self._times.extend(array("I", ticks.ticks))
            else:
                self._times, self._unit = array("d", [tick / TICKS for tick in self._times]), 1
                self._stretches = [0]
        if self._unit == 1:
            self._times.extend(array("d", times))
        self._latest = -1, []
        if isinstance(times, Ticks) and times.stretches is not None and len(self._stretches) * STRETCH == before + STRETCH:
            self._stretches += [*itertools.accumulate(times.stretches, initial=self._stretches[-1])][1:]
            return
        add = sum if self._unit == TICKS else math.fsum  # ticks add up exactly
        first = len(self._stretches) - 1
        values = self._times[first * STRETCH :].tolist()
        for start in range(0, len(values) - STRETCH + 1, STRETCH):
            self._stretches.append(self._stretches[-1] + add(values[start : start + STRETCH]))

    def at(self, step: float) -> float:
        """The time at the end of a step, or of the last one there is, in seconds."""
        if not self._times or step < 1:
            return 0.0
        stretch, place = divmod(min(int(step), len(self._times)) - 1, STRETCH)
        if self._latest[0] != stretch:
            times = self._times[stretch * STRETCH : (stretch + 1) * STRETCH]
            self._latest = stretch, [*itertools.accumulate(times, initial=self._stretches[stretch])][1:]
        return self._latest[1][place] / self._unit
