import math
import random
from array import array
from typing import Any

import pytest

from gradtui.runs.results.series import Series, Thinned
from gradtui.runs.results.spans import BLOCK


def series_of(ys: list[float]) -> Series:
    series = Series()
    series.extend([float(i + 1) for i in range(len(ys))], ys)
    return series


def thinned(series: Series, first: float, last: float, columns: int) -> list[tuple[float, float]]:
    return Thinned(series.xs, series, first, last, columns).points()


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
    view = Thinned(growing.xs, growing, 1, 3001, 60)
    at = 0
    while at < len(ys):
        more = rng.randint(1, 200)
        growing.extend([float(i + 1) for i in range(at, min(at + more, len(ys)))], ys[at : at + more])
        view.points()
        at += more
    assert str(view.points()) == str(thinned(series_of(ys), 1, 3001, 60))


def test_a_curve_that_has_not_reached_the_range_yet_leaves_nothing_of_what_is_before_it() -> None:
    growing = series_of([5.0] * 20)
    view = Thinned(growing.xs, growing, 51, 100, 40)
    assert view.points() == []
    growing.extend([float(i) for i in range(21, 61)], [1.0] * 40)
    assert view.points()[0] == (51.0, 1.0)
    assert len(view.points()) == 10


def thinned_plainly(ys: list[float], first: float, last: float, columns: int) -> list[tuple[float, float]]:
    """Column by column, each value looked at."""
    points = []
    width = (last - first) / columns
    for column in range(columns):
        begin, end = first + column * width, first + (column + 1) * width
        places = [x for x in range(1, len(ys) + 1) if begin <= x and (x < end or column == columns - 1)]
        finite = [x for x in places if math.isfinite(ys[x - 1])]
        if len(places) <= 2:
            chosen = places
        elif finite:
            chosen = sorted({min(finite, key=lambda x: ys[x - 1]), max(finite, key=lambda x: ys[x - 1])})
        else:
            chosen = places[:1]
        points += [(float(x), ys[x - 1] if math.isfinite(ys[x - 1]) else math.nan) for x in chosen]
    return points


@pytest.mark.parametrize(("first", "columns"), [(1, 1), (1, 3), (1, 7), (3000, 2), (2049, 5), (7000, 4)])
def test_a_long_curve_is_seen_as_if_each_value_had_been_looked_at(first: int, columns: int) -> None:
    """Also where whole columns, or whole blocks of points, have nothing finite."""
    rng = random.Random(first + columns)
    ys = [rng.choice([rng.gauss(0, 1), 2.0, math.nan, math.inf, -math.inf]) for _ in range(7300)]
    ys[2000:5200] = [math.nan] * 3200
    assert str(thinned(series_of(ys), first, 7301, columns)) == str(thinned_plainly(ys, first, 7301, columns))


def test_a_long_curve_is_seen_anew_without_going_through_its_points() -> None:
    series = series_of([math.sin(i) for i in range(100 * BLOCK)])
    looked_at = []

    class Counted(array):  # type: ignore[type-arg]  # at run time it takes none
        def __getitem__(self, at: Any) -> Any:
            looked_at.append(len(range(len(self))[at]) if isinstance(at, slice) else 1)
            return super().__getitem__(at)

    series.ys = Counted("d", series.ys)
    assert len(thinned(series, 1, len(series) + 1, 10)) == 20
    assert sum(looked_at) < 10 * 2 * BLOCK + 100


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_leave_a_gap_and_a_mark(bad: float) -> None:
    series = series_of([1.0, 2.0, bad, bad])
    assert series.first_not_finite == 3
    assert (series.low, series.high) == (1.0, 2.0)
    ys = [y for _, y in thinned(series, 1, 5, 40)]
    assert ys[:2] == [1.0, 2.0]
    assert [math.isnan(y) for y in ys[2:]] == [True, True]


def test_the_lowest_positive_value_is_known_for_a_log_axis() -> None:
    assert series_of([0.0, -1.0, 0.25, 3.0]).low_positive == 0.25
    assert series_of([0.0, -1.0]).low_positive == math.inf
