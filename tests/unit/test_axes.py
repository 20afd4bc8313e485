import math

import pytest

from gradtui.runs.results.axes import Axis, linear_axis, log_axis, round_up


@pytest.mark.parametrize(
    ("value", "up"), [(0.429, 0.5), (0.5, 0.5), (1.01, 2), (7, 10), (99, 100), (1.1e-9, 2e-9), (3e37, 5e37)]
)
def test_axes_end_at_round_numbers(value: float, up: float) -> None:
    assert round_up(value) == pytest.approx(up)


def test_an_axis_stays_put_until_a_value_leaves_it() -> None:
    axis = linear_axis(0.1, 0.4)
    assert linear_axis(0.0, 0.49, axis) is axis
    assert linear_axis(0.0, 0.6, axis).high == 1.0
    assert linear_axis(-0.3, 0.4, axis).low == -0.5


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (-1e308, 1e308), (5e-324, 1e-323), (1e300, 1.7e308), (-5, -2), (math.inf, -math.inf)]
)
def test_any_finite_values_have_a_place(low: float, high: float) -> None:
    axis = linear_axis(low, high)
    for value in (low, high):
        if math.isfinite(value):
            assert -0.001 <= axis.place(value) <= 1.001
    places = [place for place, _ in axis.ticks(6)]
    assert len(places) >= 2
    assert -0.001 <= min(places) <= max(places) <= 1.001


def test_ticks_are_few_round_and_told_apart() -> None:
    for axis in (
        Axis(0, 0.5),
        Axis(0, 20),
        Axis(-1, 1),
        Axis(0, 1e-7),
        Axis(0, 1e14),
        Axis(-14, 0, log=True),
        Axis(0, 1, log=True),
    ):
        ticks = axis.ticks(6)
        labels = [label for _, label in ticks]
        assert 2 <= len(ticks) <= 7
        assert len(set(labels)) == len(labels)
        assert all(len(label) <= 6 for label in labels)


def test_zero_and_negative_values_are_gaps_on_a_log_axis() -> None:
    axis = log_axis(1e-3, 10)
    assert (axis.low, axis.high) == (-3, 1)
    assert axis.place(1e-3) == 0
    assert axis.place(10) == 1
    assert all(math.isnan(axis.place(bad)) for bad in (0.0, -1.0, math.nan, math.inf))
