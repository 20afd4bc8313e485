"""The verdict on step times, from timing probes made up for the purpose."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtui.runs.columns import TIMING, RowFormat
from gradtui.runs.results.reader import read_results
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.thresholds import BUSY_LOAD, FEWEST_BLOCKS
from gradtui.runs.results.time_verdict import (
    PROCESS,
    THREAD,
    WALL,
    WorkerTimes,
    bootstrap_interval,
    judge_times,
    load_notes,
    median_probabilities,
    worker_times,
)
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings
from tests.made_up import made_up_run

BLOCKS = 40


def ratios(middle: float, *, noise: float = 0.02, blocks: int = BLOCKS, seed: int = 1) -> list[float]:
    draw = random.Random(f"{middle} {noise} {seed}")
    return [middle * math.exp(draw.gauss(0, noise)) for _ in range(blocks)]


def ruling(*workers: list[float], **given: object) -> Ruling:
    return judge_times(RunSettings.parse(given), [WorkerTimes(of_one, THREAD, 0.5) for of_one in workers])


@pytest.mark.parametrize(
    ("middle", "verdict", "why"),
    [
        (0.9, HOLDS, ""),
        (1.15, FAILS, "it is longer"),
        (1.0, FAILS, "no difference beyond 3 %"),
        (1.03, UNKNOWN, "the interval does not clear 3 %"),
        (0.97, UNKNOWN, "the interval does not clear 3 %"),
    ],
)
def test_a_side_is_shorter_only_beyond_the_margin(middle: float, verdict: str, why: str) -> None:
    assert ruling(ratios(middle), ratios(middle, seed=2))[1:] == (verdict, why)


def test_workers_that_disagree_are_not_outvoted_by_the_one_with_more_blocks() -> None:
    """Pooled, the median would be 1.06 with an interval of 1.05 to 1.07."""
    _, verdict, _ = ruling(ratios(1.06, blocks=40), ratios(1.0, blocks=10))
    assert verdict == UNKNOWN


def test_workers_that_differ_by_8_percent_widen_the_interval_to_both() -> None:
    low, high = bootstrap_interval([ratios(1.0, noise=0.005), ratios(1.08, noise=0.005)])
    assert (low, high) == pytest.approx((1.0, 1.08), abs=0.003)


@pytest.mark.parametrize("workers", [[], [BLOCKS], [BLOCKS, FEWEST_BLOCKS - 1]])
def test_one_worker_alone_does_not_tell(workers: list[int]) -> None:
    said = ruling(*[ratios(1.5, blocks=blocks) for blocks in workers])
    assert said == ("", UNKNOWN, "no timing probe, or too few of its slices in one of the workers")


def test_the_fewest_blocks_tell() -> None:
    _, verdict, _ = ruling(*[ratios(1.5, blocks=FEWEST_BLOCKS, seed=seed) for seed in (1, 2)])
    assert verdict == FAILS


def test_the_conditions_are_told_with_the_figures() -> None:
    same, settings = [1.25] * BLOCKS, RunSettings.parse({})
    figures = "a step takes WITH 1.250 times what it takes WITHOUT (95 %: 1.250 to 1.250; "

    def said(clock: int, *loads: float | None) -> str:
        return judge_times(settings, [WorkerTimes(same, clock, load) for load in loads])[0]

    assert said(THREAD, 4.0, 5.0) == figures + "CPU time, load 4.5 per core)"
    assert said(PROCESS, 0.25, 0.25) == figures + "CPU time of all threads, load 0.25 per core)"
    assert said(WALL, None, None) == figures + "wall clock)"


def test_a_busy_machine_is_a_caveat_for_the_step_times() -> None:
    def notes(load: float | None) -> list[str]:
        return load_notes([WorkerTimes([1.0] * BLOCKS, THREAD, load)] * 2)

    assert notes(None) == notes(BUSY_LOAD - 0.01) == []
    (note,) = notes(4.5)
    assert note == "the machine was busy, load 4.5 per core: the times per step are wall-clock times and suffer from it"


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [5.0, 1.0, 4.0, 2.0], [1.0, 1.0, 2.0, 7.0, 9.0]])
def test_the_bootstrap_is_that_of_all_resamples(values: list[float]) -> None:
    """Every resample is drawn here; of an even number, its two middle values count half each."""
    counted: Counter[float] = Counter()
    for resample in itertools.product(values, repeat=len(values)):
        counted.update((statistics.median_low(resample), statistics.median_high(resample)))
    known: defaultdict[float, float] = defaultdict(float)
    for value, probability in median_probabilities(values):
        known[value] += probability
    assert known == pytest.approx({value: count / counted.total() for value, count in counted.items()})


RUNS = 300
"""Runs that a simulation makes up."""


def simulated(middle: float, blocks: int, noise: float, between: float = 0.0) -> Iterator[tuple[float, float]]:
    """The intervals of made-up runs whose workers, besides the noise of their blocks, differ by ``between`` (a standard
    deviation, as a share)."""
    draw = random.Random(7)
    for seed in range(RUNS):
        shifts = [middle * math.exp(draw.gauss(0, between)) for _ in range(2)]
        yield bootstrap_interval(
            [ratios(shift, noise=noise, blocks=blocks, seed=seed + i) for shift, i in zip(shifts, (0, 5000), strict=True)]
        )


@pytest.mark.parametrize(("blocks", "noise"), [(6, 0.05), (40, 0.07)])
@pytest.mark.parametrize("between", [0.0, 0.02])
def test_equal_times_are_seldom_called_different(blocks: int, noise: float, between: float) -> None:
    assert sum(low > 1.03 or high < 0.97 for low, high in simulated(1.0, blocks, noise, between)) <= 0.02 * RUNS


def test_equal_times_are_mostly_called_equal() -> None:
    """With as many blocks as a worker has, and their noise on a machine at work."""
    assert sum(low >= 0.97 and high <= 1.03 for low, high in simulated(1.0, 40, 0.05, 0.005)) >= 0.8 * RUNS


def test_a_difference_is_found_in_the_noise_of_a_busy_machine() -> None:
    assert sum(low > 1.03 for low, _ in simulated(1.152, 20, 0.08, 0.01)) >= 0.95 * RUNS


@pytest.mark.parametrize("blocks", [6, 40])
@pytest.mark.parametrize("between", [0.0, 0.005])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(blocks: int, between: float) -> None:
    """Where workers differ as little as on a machine at rest; what if they differ more, is told with the function."""
    assert sum(low <= 1.1 <= high for low, high in simulated(1.1, blocks, 0.05, between)) >= 0.95 * RUNS


Slice = tuple[int, int, float, int, float]
"""Block, side, seconds per batch, clock, load."""


def timing_file(path: Path, slices: list[Slice], columns: int = len(TIMING.columns)) -> Path:
    """Write a worker's timing file with its first ``columns``."""
    rows = [[column.name for column in TIMING.columns], *([str(i), *map(repr, each)] for i, each in enumerate(slices, 1))]
    path.write_text("".join(",".join(row[:columns]) + "\n" for row in rows), encoding="ascii")
    return path


def blocks_of(*pairs: tuple[float, float], clock: int = THREAD, load: float = 0.5) -> list[Slice]:
    rows = []
    for block, (left, right) in enumerate(pairs, 1):
        rows += [(block, side, (left, right)[side], clock, load) for side in (0, 1, 1, 0)]
    return rows


def read(path: Path) -> WorkerTimes:
    return worker_times(CsvTail(path, TIMING.columns).read())


def test_the_file_gives_a_ratio_per_complete_block(tmp_path: Path) -> None:
    rows = blocks_of((2.0, 1.0), (3.0, 2.0), (9.0, 1.0))[:-1]  # the last block was cut short
    assert read(timing_file(tmp_path / "a.csv", rows)) == WorkerTimes([2.0, 1.5], THREAD, 0.5)


def test_files_of_older_versions_were_timed_by_the_wall_clock(tmp_path: Path) -> None:
    path = timing_file(tmp_path / "a.csv", blocks_of((2.0, 1.0)), columns=4)
    assert path.read_text().startswith("slice,block,side,seconds_per_batch\n1,1,0,2.0\n")
    assert read(path) == WorkerTimes([2.0], WALL, None)


def test_times_that_are_no_measurement_are_left_out(tmp_path: Path) -> None:
    rows = blocks_of((0.0, 1.0), (1.0, 0.0), (1e12, 1e-300), (2.0, 1.0), clock=7, load=math.inf)
    assert read(timing_file(tmp_path / "a.csv", rows)) == WorkerTimes([2.0], WALL, None)
    assert read(tmp_path / "missing.csv") == WorkerTimes(())


def test_a_run_tells_its_load(tmp_path: Path) -> None:
    folder = made_up_run()
    for name in folder.read().variants:
        timing_file(folder.timing_csv(name), blocks_of(*[(1.25, 1.0)] * 20, load=6.0))
    results = read_results(folder)
    (claim,) = [claim for claim in results.claims if claim.claim == "training time is shorter with"]
    assert (claim.verdict, claim.why) == ("does not hold", "it is longer")
    assert claim.measured.endswith("CPU time, load 6 per core)")
    assert results.notes == [
        "the machine was busy, load 6 per core: the times per step are wall-clock times and suffer from it"
    ]


def test_a_load_that_the_system_does_not_tell_is_left_empty() -> None:
    row = RowFormat(TIMING.columns).row(slice=1, block=1, side=0, seconds_per_batch=0.5, clock=WALL, load=None)
    assert row == "1,1,0,0.5,0,\n"
