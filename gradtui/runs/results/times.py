"""Step times as whole ticks of 0.1 microseconds, as workers write them: exact sums, and a median in little memory.

The results do not depend on the pieces in which the times arrive.
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
"""Ticks per second. ``tick / TICKS`` is the float that a worker's time, with its seven decimals, is parsed to."""
LARGEST_TICK = 2**32 - 1
STRETCH = 256
"""A clock stores the time at the end of each stretch of this many steps, and adds up times within a stretch on demand."""
MOST_TIMES = 50_000
"""Above this many distinct times that are not whole ticks, all of them are rounded to ticks."""


class NotWhole(Exception):
    """A time is not a whole number of ticks."""


def tick_of(seconds: float) -> int:
    """Convert a time in seconds to ticks. Raises NotWhole."""
    if not 0 <= seconds <= LARGEST_TICK / TICKS or math.copysign(1, seconds) < 0:
        raise NotWhole
    tick = round(seconds * TICKS)
    if tick / TICKS != seconds:
        raise NotWhole
    return tick


class Ticks(Sequence[float]):
    """Times in seconds that read like a list of floats and are stored as ticks."""

    def __init__(
        self, ticks: Sequence[int], counts: Mapping[int, int] | None = None, stretches: Sequence[int] | None = None
    ) -> None:
        """``counts`` is how often each tick occurs, ``stretches`` the sum of each STRETCH of them, if known."""
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
    """The same times, as ticks if all of them are whole."""
    try:
        return Ticks([*map(tick_of, times)])
    except NotWhole:
        return times


@dataclass
class StepTimes:
    """How many steps took each time, and the total time."""

    most: int = MOST_TIMES
    ticks: Counter[int] = field(default_factory=Counter)
    """The number of steps by time in ticks."""
    others: Counter[float] = field(default_factory=Counter)
    """The number of steps by time in seconds, for times that are not whole ticks."""
    _total_ticks: int = 0
    _others_total: tuple[float, float] = (0.0, 0.0)  # a sum and its rounding error

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
            self.most = 0  # from now on, round each as it arrives, so that the order does not matter
            for time, count in self.others.items():
                self.ticks[int(time * TICKS + 0.5)] += count
            self.others.clear()

    def _add_other(self, times: list[float]) -> None:
        total = math.fsum([*self._others_total, *times])
        self._others_total = total, math.fsum([*self._others_total, *times, -total])

    @property
    def seconds(self) -> float:
        """The total time of all steps."""
        return math.fsum([self._total_ticks / TICKS, *self._others_total])

    def in_milliseconds(self, *shares: float) -> list[float | None]:
        """Quantiles of the time per step in milliseconds, one per share; for 0.5, the mean of the middle two."""
        counts = Counter({tick / TICKS: count for tick, count in self.ticks.items()})
        counts.update(self.others)
        times = sorted(counts)
        steps = [*itertools.accumulate(map(counts.__getitem__, times))]  # that took this time or less
        if not times:
            return [None for _ in shares]
        found: list[float | None] = []
        for share in shares:
            rank = math.ceil(share * steps[-1])
            ranks = (rank, math.floor(share * steps[-1]) + 1) if share == 0.5 else (rank, rank)
            found.append(500 * sum(times[bisect_left(steps, rank)] for rank in ranks))
        return found


class Clock:
    """The training time at the end of each step, in four bytes per step."""

    def __init__(self) -> None:
        self._times: array[Any] = array("I")  # in ticks; in seconds once one is not a whole tick
        self._unit: int = TICKS
        self._stretches: list[float] = [0]  # the time at the beginning of each
        self._latest: tuple[int, list[float]] = (-1, [])  # the times in the last stretch queried

    def __len__(self) -> int:
        return len(self._times)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clock) and (self._unit, self._times) == (other._unit, other._times)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def extend(self, times: Sequence[float]) -> None:
        """Append the times of the next steps, in seconds."""
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
        """The time in seconds at the end of a step, or of the last step if there are fewer."""
        if not self._times or step < 1:
            return 0.0
        stretch, place = divmod(min(int(step), len(self._times)) - 1, STRETCH)
        if self._latest[0] != stretch:
            times = self._times[stretch * STRETCH : (stretch + 1) * STRETCH]
            self._latest = stretch, [*itertools.accumulate(times, initial=self._stretches[stretch])][1:]
        return self._latest[1][place] / self._unit
