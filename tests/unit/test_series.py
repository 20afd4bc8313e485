import math
import random

import pytest

from gradtui.runs.series import Series, Thinned


def series_of(ys: list[float]) -> Series:
    series = Series()
    series.extend([float(i + 1) for i in range(len(ys))], ys)
    return series


def thinned(series: Series, first: float, last: float, columns: int) -> list[tuple[float, float]]:
    return Thinned(series.xs, series.ys, first, last, columns).points()


def test_a_short_series_is_drawn_point_by_point() -> None:
    series = series_of([3.0, 1.0, 2.0])
    assert thinned(series, 1, 20, 40) == [(1.0, 3.0), (2.0, 1.0), (3.0, 2.0)]


def test_no_spike_is_lost() -> None:
    ys = [math.sin(i / 500) for i in range(100_000)]
    ys[54_321], ys[77_777] = 50.0, -50.0
    points = thinned(series_of(ys), 1, 100_001, 80)
    assert (54_322.0, 50.0) in points
    assert (77_778.0, -50.0) in points
    assert len(points) <= 160


def test_points_come_in_order() -> None:
    points = thinned(series_of([random.Random(1).random() for _ in range(5000)]), 1, 5001, 70)
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_a_growing_series_is_thinned_as_one_that_was_there_at_once() -> None:
    rng = random.Random(7)
    ys = [rng.gauss(0, 1) if rng.random() > 0.01 else math.nan for _ in range(3000)]
    growing = Series()
    view = Thinned(growing.xs, growing.ys, 1, 3001, 60)
    at = 0
    while at < len(ys):
        more = rng.randint(1, 200)
        growing.extend([float(i + 1) for i in range(at, min(at + more, len(ys)))], ys[at : at + more])
        view.points()
        at += more
    assert str(view.points()) == str(thinned(series_of(ys), 1, 3001, 60))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_leave_a_gap_and_a_mark(bad: float) -> None:
    series = series_of([1.0, 2.0, bad, bad])
    assert series.first_not_finite == 3
    assert (series.low, series.high) == (1.0, 2.0)
    ys = [y for _, y in thinned(series, 1, 5, 40)]
    assert ys[:2] == [1.0, 2.0]
    assert all(math.isnan(y) for y in ys[2:])


def test_the_lowest_positive_value_is_known_for_a_log_axis() -> None:
    assert series_of([0.0, -1.0, 0.25, 3.0]).low_positive == 0.25
    assert series_of([0.0, -1.0]).low_positive == math.inf
