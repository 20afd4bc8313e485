"""Which side's steps are shorter, judged from the timing probes of a run's two workers.

Slices of one worker resemble each other, because whatever favours one policy there (memory layout, the core that it got)
lasts as long as the process. So blocks are not pooled: the interval comes from a bootstrap that draws workers, and blocks
within the worker drawn. It is computed exactly instead of by drawing at random.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from gradtui.runs.results.thresholds import BUSY_LOAD, FEWEST_BLOCKS, FEWEST_WORKERS, INTERVAL_TAIL, SMALLEST_TIME_DIFFERENCE
from gradtui.runs.results.wording import number
from gradtui.runs.tail import Chunk
from gradtui.settings import RunSettings

WALL, THREAD, PROCESS = range(3)
"""The clocks of the timing probe, as its files number them."""
CLOCKS = {WALL: "wall clock", THREAD: "CPU time", PROCESS: "CPU time of all threads"}

MOST_BLOCKS = 200
"""More blocks than a worker writes; the rest of a longer file is not looked at."""


@dataclass(frozen=True)
class WorkerTimes:
    """One worker's timing probe: the left / right ratio of each block's times, the clock and the mean load per core.

    A load of None is not known: older versions did not record it.
    """

    ratios: Sequence[float]
    clock: int = WALL
    load: float | None = None


@dataclass(frozen=True)
class TimeRuling:
    """Whether the left side's steps are ``shorter``; None if that cannot be told."""

    shorter: bool | None
    measured: str
    why: str


def worker_times(rows: Chunk | None) -> WorkerTimes:
    """The times in one worker's file. A block is complete with two slices per side, in the order ABBA."""
    if rows is None:
        return WorkerTimes(())
    blocks: dict[float, tuple[list[float], list[float]]] = {}
    for block, side, seconds in zip(*(rows.values[name] for name in ("block", "side", "seconds_per_batch")), strict=True):
        blocks.setdefault(block, ([], []))[int(side) & 1].append(seconds)
    complete = [(sum(left), sum(right)) for left, right in blocks.values() if len(left) == len(right) == 2]
    ratios = [left / right for left, right in complete if left > 0 and right > 0 and left / right < math.inf]
    clocks = {int(clock) for clock in rows.values["clock"] if clock in CLOCKS}
    loads = [load for load in rows.values["load"] if 0 <= load < math.inf]
    return WorkerTimes(
        ratios[:MOST_BLOCKS], clocks.pop() if len(clocks) == 1 else WALL, statistics.fmean(loads) if loads else None
    )


def judge_times(settings: RunSettings, workers: Sequence[WorkerTimes]) -> TimeRuling:
    """Judge whether a step takes less time on the left side."""
    if settings.schedule == "parallel":
        return TimeRuling(None, "", "contended: both sides computed at once")
    if not settings.can.probe_times:
        return TimeRuling(None, "", "the timing probe cannot run a script")
    timed = [worker for worker in workers if len(worker.ratios) >= FEWEST_BLOCKS]
    if len(timed) < FEWEST_WORKERS:
        return TimeRuling(None, "", "no timing probe, or too few of its slices in one of the workers")
    middle = statistics.geometric_mean([statistics.median(worker.ratios) for worker in timed])
    low, high = bootstrap_interval([worker.ratios for worker in timed])
    left, right = settings.shorts
    measured = (
        f"a step takes {left} {middle:.3f} times what it takes {right} "
        f"(95 %: {low:.3f} to {high:.3f}; {', '.join(_conditions(timed))})"
    )
    margin = f"{100 * SMALLEST_TIME_DIFFERENCE:.0f} %"
    if high < 1 - SMALLEST_TIME_DIFFERENCE:
        return TimeRuling(True, measured, "")
    if low > 1 + SMALLEST_TIME_DIFFERENCE:
        return TimeRuling(False, measured, "it is longer")
    if low >= 1 - SMALLEST_TIME_DIFFERENCE and high <= 1 + SMALLEST_TIME_DIFFERENCE:
        return TimeRuling(False, measured, f"no difference beyond {margin}")
    return TimeRuling(None, measured, f"the interval does not clear {margin}")


def bootstrap_interval(workers: Sequence[Sequence[float]]) -> tuple[float, float]:
    """A 95 % interval of the median ratio, by the percentiles of a bootstrap over workers and over blocks within workers.

    Each replicate draws one worker and takes the median of a resample of its blocks. Drawing n - 1 of n workers, here 1 of 2,
    makes the spread between so few workers count in full; drawing 2 of 2 would halve its variance (Rao and Wu 1988,
    "Resampling inference with complex survey data", JASA 83). Needs no random numbers: a replicate's distribution is known.
    """
    replicates = sorted(
        (value, probability / len(workers)) for ratios in workers for value, probability in median_probabilities(ratios)
    )
    return _tail_end(replicates), _tail_end(replicates[::-1])


def _tail_end(replicates: Sequence[tuple[float, float]]) -> float:
    """The first value by which INTERVAL_TAIL of the probability has been passed."""
    passed = 0.0
    for value, probability in replicates:
        passed += probability
        if passed > INTERVAL_TAIL:
            return value
    return replicates[-1][0]


def median_probabilities(values: Sequence[float]) -> list[tuple[float, float]]:
    """The bootstrap distribution of the median: each value with the probability that it is the median of a resample.

    A resample's median is at most the k-th smallest of n values if at least half of its draws are, and their number is
    binomial with probability k / n (Maritz and Jarrett 1978, "A note on estimating the variance of the sample median",
    JASA 73). With n even, either of a resample's two middle values is taken, with equal chance.
    """
    ordered, n = sorted(values), len(values)
    ways = [math.comb(n, draws) for draws in range(n + 1)]
    at_most = []
    for k in range(1, n + 1):
        share = k / n
        chances = [way * share**draws * (1 - share) ** (n - draws) for draws, way in enumerate(ways)]
        at_most.append((math.fsum(chances[(n + 1) // 2 :]) + math.fsum(chances[n // 2 + 1 :])) / 2)
    return [(value, now - before) for value, before, now in zip(ordered, [0.0, *at_most], at_most, strict=False)]


def load_notes(workers: Sequence[WorkerTimes]) -> list[str]:
    """A caveat for the step times in the results, if the machine was busy with something else."""
    load = _load(workers)
    if load is None or load < BUSY_LOAD:
        return []
    return [f"the machine was busy, load {number(load)} per core: the times per step are wall-clock times and suffer from it"]


def _conditions(workers: Sequence[WorkerTimes]) -> list[str]:
    """How the times were taken, in words."""
    clocks = sorted({CLOCKS[worker.clock] for worker in workers})
    load = _load(workers)
    return [" and ".join(clocks), *([] if load is None else [f"load {number(load)} per core"])]


def _load(workers: Sequence[WorkerTimes]) -> float | None:
    """The mean load per core during the probes; None if it is not known."""
    loads = [worker.load for worker in workers if worker.load is not None]
    return statistics.fmean(loads) if loads else None
