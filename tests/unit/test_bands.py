"""The curves of many seeds: the band, each seed, the paired difference, in bounded memory."""

from __future__ import annotations

import math
import random
from statistics import quantiles

import pytest

from gradtui.runs.results.bands import SeedCurves, Stretches, band_edges, band_name
from gradtui.runs.results.paired_seeds import PairedDifference, PairedTail, log_ratio, points
from gradtui.runs.results.statistics import t_interval
from gradtui.runs.tail import Chunk


def noisy(seeds: int, steps: int, *, bad: float = 0.0) -> list[list[float]]:
    """A column per seed; a share of the values is not finite."""
    draw = random.Random(seeds * steps)
    odd = (math.nan, math.inf, -math.inf)
    return [[draw.choice(odd) if draw.random() < bad else draw.gauss(1, 1) for _ in range(steps)] for _ in range(seeds)]


def curves_of(columns: list[list[float]], chunk: int = 100) -> SeedCurves:
    curves = SeedCurves(len(columns))
    for at in range(0, len(columns[0]), chunk):
        part = [column[at : at + chunk] for column in columns]
        curves.extend([float(at + i + 1) for i in range(len(part[0]))], part)
    return curves


# The edges of a band


@pytest.mark.parametrize("seeds", [5, 10, 11, 32])
def test_the_band_goes_from_the_10th_to_the_90th_percentile(seeds: int) -> None:
    columns = noisy(seeds, 50)
    lows, highs = band_edges(columns, all_finite=True)
    for step, row in enumerate(zip(*columns, strict=True)):
        tenths = quantiles(row, n=10, method="inclusive")
        assert (lows[step], highs[step]) == pytest.approx((tenths[0], tenths[-1]))
    assert band_edges(columns)[0] == pytest.approx(lows)
    assert band_edges(columns)[1] == pytest.approx(highs)
    assert band_name(seeds) == "10-90 %"


def test_the_band_of_few_seeds_goes_from_the_lowest_to_the_highest() -> None:
    assert band_edges([[1.0, 5.0], [2.0, 4.0], [3.0, -1.0]]) == ([1.0, -1.0], [3.0, 5.0])
    assert band_name(4) == "min-max"


def test_a_seed_that_is_nan_counts_as_larger_than_all_others() -> None:
    seeds = [[float(i)] for i in range(10)]
    lows, highs = band_edges([*seeds[:9], [math.nan]])
    assert lows[0] == pytest.approx(0.9)
    assert highs[0] == 8.0, "one of ten lies above the band anyway"
    lows, highs = band_edges([*seeds[:8], [math.inf], [math.nan]])
    assert highs[0] == math.inf
    lows, highs = band_edges([*seeds[:1], *[[math.nan]] * 9])
    assert lows[0] == math.inf, "no band"
    assert band_edges([[-math.inf], [1.0], [2.0], [3.0], [4.0]])[0] == [-math.inf]


# In stretches


@pytest.mark.parametrize("steps", [7, 8, 9, 1000, 1023])
def test_the_stretches_cover_all_rows_however_they_arrive(steps: int) -> None:
    draw, stretches, seen = random.Random(steps), Stretches(8), 0
    counts: list[int] = []
    while seen < steps:
        new = [float(seen + i + 1) for i in range(min(draw.randint(1, 9), steps - seen))]
        for start, end, begins in stretches.add(new):
            if begins:
                counts.append(0)
            counts[-1] += end - start
        while stretches.halve():
            counts = [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]
        seen += len(new)
    assert len(stretches) <= 8
    assert counts[:-1] == [stretches.rows] * (len(counts) - 1)
    assert sum(counts) == steps
    assert list(stretches.xs) == [1.0 + i * stretches.rows for i in range(len(counts))]


@pytest.mark.parametrize("bad", [0.0, 0.05])
@pytest.mark.parametrize("chunk", [1, 37, 5000])
def test_no_extreme_of_a_seed_or_of_the_band_is_lost(bad: float, chunk: int) -> None:
    columns = noisy(6, 3000, bad=bad)
    columns[2][1234], columns[4][77] = 50.0, -50.0
    curves = SeedCurves(6)
    curves.stretches = Stretches(64)
    for at in range(0, 3000, chunk):
        part = [column[at : at + chunk] for column in columns]
        curves.extend([float(at + i + 1) for i in range(len(part[0]))], part)
    assert len(curves) <= 64
    lows, highs = band_edges(columns)
    drawn = curves.band(curves.stretches.xs, 1, 3000, 50)
    assert min(point.low for point in drawn) == min(lows)
    assert max(point.high for point in drawn) == max(highs)
    assert [point.x for point in drawn] == sorted(point.x for point in drawn)
    for place, column in enumerate(columns):
        finite = [value for value in column if math.isfinite(value)]
        ys = [y for _, y in curves.of_seed(place, curves.stretches.xs, 1, 3000, 50) if math.isfinite(y)]
        assert (min(ys), max(ys)) == (min(finite), max(finite))


def test_memory_is_bounded_however_long_the_run_and_many_the_seeds() -> None:
    curves = curves_of([[0.5] * 40_000] * 3, chunk=4000)
    assert len(curves) <= 8192
    assert curves.stretches.xs[-1] <= 40_000
    assert SeedCurves(1000).stretches._most == 512


def test_a_few_steps_are_drawn_step_by_step() -> None:
    curves = curves_of([[3.0, 1.0, 2.0], [4.0, 2.0, math.nan]])
    xs = curves.stretches.xs
    assert curves.of_seed(0, xs, 1, 20, 40) == [(1.0, 3.0), (2.0, 1.0), (3.0, 2.0)]
    assert [(x, y) for x, y in curves.of_seed(1, xs, 1, 20, 40)][:2] == [(1.0, 4.0), (2.0, 2.0)]
    assert math.isnan(curves.of_seed(1, xs, 1, 20, 40)[2][1])
    assert curves.first_not_finite == [None, 3.0]
    assert curves.not_finite == 1
    assert curves.at(2, 1) == (2.0, 2.0)
    assert curves.at(2) == (1.0, 2.0)
    assert curves.at(0) is None


def test_zooming_leaves_out_what_is_before_except_the_neighbour() -> None:
    curves = curves_of([[float(i) for i in range(1, 101)]] * 2)
    drawn = curves.of_seed(0, curves.stretches.xs, 51, 100, 200)
    assert drawn[0] == (51.0, 51.0)
    assert drawn[-1] == (100.0, 100.0)


def test_finite_values_that_overflow_when_added_are_finite() -> None:
    curves = curves_of([[1.7e308, 1.7e308], [1.0, 2.0]])
    assert curves.not_finite == 0
    assert curves.high == 1.7e308


def test_the_extremes_of_the_band_are_those_where_it_is_finite() -> None:
    curves = curves_of([[1.0, 0.0, math.nan], [2.0, 3.0, 4.0], [0.25, 5.0, 6.0]])
    assert (curves.low, curves.low_positive, curves.high) == (0.0, 0.25, 5.0)


# The paired difference


def difference_of(left: list[list[float]], right: list[list[float]], most: int = 8192) -> PairedDifference:
    curve = PairedDifference(len(left), log_ratio)
    curve.stretches = Stretches(most)
    for at in range(0, len(left[0]), 10):
        parts = [[column[at : at + 10] for column in columns] for columns in (left, right)]
        curve.extend(([float(at + i + 1) for i in range(len(parts[0][0]))], *parts))  # type: ignore[arg-type]
    return curve


def test_the_difference_at_a_step_is_the_mean_log_ratio_with_its_t_interval() -> None:
    left, right = [[1.0], [1.0], [1.0]], [[2.0], [4.0], [8.0]]
    (point,) = difference_of(left, right).points(1, 20, 40)
    logs = [math.log(2), math.log(4), math.log(8)]
    assert point.mean == pytest.approx(math.log(4))
    assert (point.low, point.high) == pytest.approx(t_interval(logs))
    assert point.seeds == 3


@pytest.mark.parametrize("most", [16, 8192])
def test_a_column_of_many_steps_has_the_interval_of_each_seeds_average(most: int) -> None:
    left, right = [[math.exp(v) for v in column] for column in noisy(8, 640)], [[1.0] * 640] * 8
    drawn = difference_of(left, right, most).points(1, 640, 1)
    averages = [-math.fsum(math.log(v) for v in column) / 640 for column in left]
    assert drawn[0].mean == pytest.approx(math.fsum(averages) / 8)
    assert (drawn[0].low, drawn[0].high) == pytest.approx(t_interval(averages))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_seed_without_a_log_ratio_is_left_out_and_not_counted(bad: float) -> None:
    curve = difference_of([[1.0, 1.0], [1.0, 1.0], [1.0, bad]], [[2.0, 2.0], [4.0, 4.0], [8.0, 8.0]])
    first, second = curve.points(1, 20, 40)
    assert (first.seeds, second.seeds) == (3, 2)
    assert second.mean == pytest.approx(math.log(8) / 2)
    assert curve.latest == second == curve.at(2)


def test_where_no_seed_is_finite_there_is_a_gap() -> None:
    (point,) = difference_of([[math.nan], [math.nan]], [[1.0], [1.0]]).points(1, 20, 40)
    assert math.isnan(point.mean)
    assert point.seeds == 0


def test_a_difference_that_grows_is_drawn_as_one_that_was_there_at_once() -> None:
    left = [[abs(v) for v in column] for column in noisy(4, 300)]
    growing, at_once = PairedDifference(4, log_ratio), difference_of(left, [[1.0] * 300] * 4)
    for at in range(0, 300, 7):
        part = [column[at : at + 7] for column in left]
        growing.extend(([float(at + i + 1) for i in range(len(part[0]))], part, [[1.0] * len(column) for column in part]))  # type: ignore[arg-type]
        growing.points(1, 300, 20)
    for one, other in zip(growing.points(1, 300, 20), at_once.points(1, 300, 20), strict=True):
        assert (one.x, one.seeds) == (other.x, other.seeds)
        assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_accuracies_differ_in_points() -> None:
    assert points(0.9, 0.92) == pytest.approx(2)
    assert math.isnan(points(math.nan, 0.5))


class Chunks:
    """A file that was read in these pieces."""

    def __init__(self, *pieces: list[int]) -> None:
        self._pieces = [*pieces]
        self.reads = 0

    def read(self) -> Chunk | None:
        self.reads += 1
        if not self._pieces:
            return None
        steps = self._pieces.pop(0)
        return Chunk(("step", "42", "43"), {"step": steps, "42": [s + 0.5 for s in steps], "43": [-s for s in steps]})


def pairs(left: Chunks, right: Chunks) -> list[float]:
    tail = PairedTail(left, right)  # type: ignore[arg-type]
    steps: list[float] = []
    while (rows := tail.read()) is not None:
        steps += rows[0]
        assert rows[1] == rows[2] == [[s + 0.5 for s in rows[0]], [-s for s in rows[0]]]
    return steps


def test_the_rows_of_both_sides_are_paired_however_they_arrive() -> None:
    assert pairs(Chunks([1, 2, 3], [4, 5]), Chunks([1], [2, 3, 4], [5, 6])) == [1, 2, 3, 4, 5]


def test_a_row_that_one_side_lacks_is_left_out() -> None:
    assert pairs(Chunks([1, 2, 4], [5, 6]), Chunks([1, 2, 3], [4, 6])) == [1, 2, 4, 6]


def test_a_side_that_is_ahead_is_not_read_on() -> None:
    left = Chunks([1, 2], [3, 4], [5, 6])
    assert pairs(left, Chunks([1])) == [1]
    assert left.reads == 1
