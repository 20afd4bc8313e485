import math
import random

import pytest

from gradtui.runs.results import smoothing
from gradtui.runs.results.series import Series
from gradtui.runs.results.smoothing import Smoothed


def series_of(ys: list[float], first: int = 1) -> Series:
    series = Series()
    series.extend(range(first, first + len(ys)), ys)
    return series


def all_of(smoothed: Smoothed) -> list[float]:
    while smoothed.behind:
        smoothed.advance()
    return [*smoothed.series.ys]


def plainly(ys: list[float], weight: float) -> list[float]:
    """The formula, step by step."""
    total, bias, smooth = 0.0, 1.0, []
    for y in ys:
        if math.isfinite(y):
            total = weight * total + (1 - weight) * y
            bias *= weight
        smooth.append(total / (1 - bias) if math.isfinite(y) else math.nan)
    return smooth


def test_smoothing_is_debiased_and_skips_what_is_not_finite() -> None:
    source = series_of([2.0, math.nan, 2.0])
    smoothed = Smoothed(source, 0.9)
    assert all_of(smoothed)[::2] == pytest.approx([2.0, 2.0])
    assert math.isnan(smoothed.series.ys[1])
    source.extend([4.0], [4.0])
    assert all_of(smoothed)[3] == pytest.approx((0.9 * (2 * 0.19) + 0.1 * 4) / (1 - 0.9**3))
    assert len(smoothed.series) == 4


@pytest.mark.parametrize("weight", [0.6, 0.9, 0.99])
def test_a_long_curve_is_smoothed_in_parts_as_the_formula_says(monkeypatch: pytest.MonkeyPatch, weight: float) -> None:
    monkeypatch.setattr(smoothing, "PART", 1000)
    rng = random.Random(5)
    ys = [rng.gauss(0, 1) for _ in range(12_345)]
    for place in (0, 7000, 7001, 9999):
        ys[place] = rng.choice([math.nan, math.inf, -math.inf])
    source = series_of(ys[:6000])
    smoothed = Smoothed(source, weight)
    smoothed.advance()
    assert len(smoothed.series) == 1000
    all_of(smoothed)
    source.extend(range(6001, len(ys) + 1), ys[6000:])
    assert str(all_of(smoothed)) == str(plainly(ys, weight))
    assert smoothed.series.xs[:] == source.xs[:]


def test_places_of_a_stretch_are_given_at_once() -> None:
    """One by one, those of ten million steps would take seconds."""
    steps = series_of([0.0] * 5000, first=3).xs
    assert steps[10:4000] == range(13, 4003)
    steps.extend([6000, 6001, 6003])
    assert [*steps[4998:]] == [5001, 5002, 6000, 6001, 6003]
    assert [*steps[:6:2]] == [3, 5, 7]
    assert [*steps[7000:]] == []
