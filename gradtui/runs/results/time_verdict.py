"""Which side's steps are shorter, judged from the timing probes of a run's two workers.

Slices of one worker resemble each other, because whatever favours one policy there (memory layout, the core that it got)
lasts as long as the process. So blocks are not pooled: the interval comes from a bootstrap that draws workers, and blocks
within the worker drawn. It is computed exactly instead of by drawing at random.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.thresholds import BUSY_LOAD, FEWEST_BLOCKS, FEWEST_WORKERS, INTERVAL_TAIL, SMALLEST_TIME_DIFFERENCE
from gradtui.runs.results.wording import number
from gradtui.runs.tail import Chunk
from gradtui.settings import RunSettings

WALL, THREAD, PROCESS = range(3)
"""The clocks of the timing probe, as its files number them."""
CLOCKS = {WALL: "wall clock", THREAD: "CPU time", PROCESS: "CPU time of all threads"}

MOST_BLOCKS = 100
"""More blocks than a worker writes; the rest of a longer file is not looked at."""

NEGLIGIBLE = 1e-6
"""A probability that changes no percentile and is not worth computing with."""


@dataclass(frozen=True)
class WorkerTimes:
    """One worker's timing probe: the left / right ratio of each block's times, the clock and the mean load per core.

    A load of None is not known: older versions did not record it.
    """

    ratios: Sequence[float]
    clock: int = WALL
    load: float | None = None


def worker_times(rows: Chunk | None) -> WorkerTimes:
    """The times in one worker's file. A block is complete with two slices per side."""
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


def judge_times(settings: RunSettings, workers: Sequence[WorkerTimes]) -> Ruling:
    """Judge whether a step takes less time on the left side."""
    if settings.schedule == "parallel":
        return "", UNKNOWN, "contended: both sides computed at once"
    if not settings.can.probe_times:
        return "", UNKNOWN, "the timing probe cannot run a script"
    timed = [worker for worker in workers if len(worker.ratios) >= FEWEST_BLOCKS]
    if len(timed) < FEWEST_WORKERS:
        return "", UNKNOWN, "no timing probe, or too few of its slices in one of the workers"
    middle = statistics.geometric_mean([statistics.median(worker.ratios) for worker in timed])
    low, high = bootstrap_interval([worker.ratios for worker in timed])
    left, right = settings.shorts
    measured = (
        f"a step takes {left} {middle:.3f} times what it takes {right} "
        f"(95 %: {low:.3f} to {high:.3f}; {', '.join(_conditions(timed))})"
    )
    margin = f"{100 * SMALLEST_TIME_DIFFERENCE:.0f} %"
    if high < 1 - SMALLEST_TIME_DIFFERENCE:
        return measured, HOLDS, ""
    if low > 1 + SMALLEST_TIME_DIFFERENCE:
        return measured, FAILS, "it is longer"
    if low >= 1 - SMALLEST_TIME_DIFFERENCE and high <= 1 + SMALLEST_TIME_DIFFERENCE:
        return measured, FAILS, f"no difference beyond {margin}"
    return measured, UNKNOWN, f"the interval does not clear {margin}"


def bootstrap_interval(workers: Sequence[Sequence[float]]) -> tuple[float, float]:
    """A 95 % interval of the ratio, by the percentiles of a bootstrap over the two workers and over blocks within workers.

    A replicate draws two workers, each of which may be drawn twice, resamples the blocks of both, and takes the geometric mean
    of their medians. All replicates have known probabilities, so none is drawn at random. If workers differ little besides the
    noise of their blocks, the interval is somewhat wide (simulated: it holds the true ratio in 95 to 99 %); if they differ
    much, it reaches from one worker to the other. How much workers differ in general, two of them cannot tell; the margin of
    SMALLEST_TIME_DIFFERENCE is there for that.
    """
    medians = [median_probabilities(ratios) for ratios in workers]
    share = 1 / len(workers) ** 2
    replicates = sorted(
        (math.sqrt(a * b), share * chance_a * chance_b)
        for first, second in itertools.product(medians, repeat=2)
        for a, chance_a in first
        for b, chance_b in second
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

    Values that are next to never the median are left out. With an even number of values, either of a resample's two middle
    ones is taken, with equal chance.
    """
    ranked = zip(sorted(values), _rank_probabilities(len(values)), strict=True)
    return [(value, probability) for value, probability in ranked if probability > NEGLIGIBLE]


@cache
def _rank_probabilities(n: int) -> tuple[float, ...]:
    """The probability that the k-th smallest of n values is the median of a resample, for k from 1.

    A resample's median is at most the k-th smallest if at least half of its draws are, and their number is binomial with
    probability k / n (Maritz and Jarrett 1978, "A note on estimating the variance of the sample median", JASA 73).
    """
    ways = [math.comb(n, draws) for draws in range(n + 1)]
    at_most = [0.0]
    for k in range(1, n + 1):
        share = k / n
        chances = [way * share**draws * (1 - share) ** (n - draws) for draws, way in enumerate(ways)]
        at_most.append((math.fsum(chances[(n + 1) // 2 :]) + math.fsum(chances[n // 2 + 1 :])) / 2)
    return tuple(now - before for before, now in itertools.pairwise(at_most))


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
