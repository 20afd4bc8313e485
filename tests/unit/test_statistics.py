"""The tests and intervals, against scipy: always with figures from it, and with itself where it is installed."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from gradtui.runs.results.statistics import (
    equivalence_test,
    exact_mcnemar,
    holm,
    mean,
    median_interval,
    sign_test,
    t_interval,
    t_test,
)
from gradtui.runs.results.student_t import t_cdf, t_quantile

SAMPLE = [0.1, -0.4, 1.3, 0.8, 2.1, -0.2, 0.9]


@pytest.mark.parametrize(
    ("t", "df", "p"),
    [
        (2.0, 1, 0.8524163823495667),
        (-4.4, 15, 0.0002584538885742667),
        (0.0, 3, 0.5),
        (12.7, 2, 0.9969285292002021),
        (-1.96, 10_000, 0.025011760115916513),
    ],
)
def test_students_t(t: float, df: float, p: float) -> None:
    assert t_cdf(t, df) == pytest.approx(p, rel=1e-9)
    assert t_quantile(t_cdf(t, df), df) == pytest.approx(t, rel=1e-7)


@pytest.mark.parametrize(("df", "t"), [(1, 12.706204736), (2, 4.302652730), (9, 2.262157163), (49, 2.0095752371)])
def test_the_quantiles_of_the_tables(df: float, t: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(t, rel=1e-9)
    assert t_quantile(0.025, df) == pytest.approx(-t, rel=1e-9)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(3, 0, 0.25), (13, 3, 1394 / 2**16), (15, 5, 43400 / 2**20), (5, 5, 1.0), (0, 0, 1.0), (4, 5, 1.0)],
)
def test_the_sign_test_is_exact(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == sign_test(losses, wins) == p
    assert exact_mcnemar(wins, losses) == p


def test_mcnemar_takes_as_many_samples_as_a_test_set_has() -> None:
    assert exact_mcnemar(5000, 5000) == 1.0
    assert exact_mcnemar(5100, 4900) == pytest.approx(0.04658552770494645, rel=1e-9)
    assert 0 <= exact_mcnemar(50_000, 3) < 1e-300


def test_the_t_test_its_interval_and_equivalence() -> None:
    assert t_test(SAMPLE) == pytest.approx(0.09814191565295576, rel=1e-9)
    low, high = t_interval(SAMPLE)
    assert (low, high) == pytest.approx((-0.16463024132448567, 1.4789159556102), rel=1e-9)
    assert t_test([x - low for x in SAMPLE]) == pytest.approx(0.05), "the interval ends where the test does"
    assert equivalence_test(SAMPLE, 0.9) == pytest.approx(0.24840438200236636, rel=1e-9)
    tight = t_interval(SAMPLE, 0.9)
    assert equivalence_test(SAMPLE, tight[1]) == pytest.approx(0.05), "the 90 % interval just fits into the margin"


def test_values_without_spread_or_too_few() -> None:
    assert t_test([0.25] * 5) == 0.0
    assert t_test([0.0] * 5) == 1.0
    assert math.isnan(t_test([1.0]))
    assert math.isnan(equivalence_test([1.0], 2.0))
    assert all(map(math.isnan, t_interval([1.0]) + t_interval([])))
    assert t_interval([0.25] * 3) == (0.25, 0.25)
    assert (equivalence_test([0.5] * 3, 1.0), equivalence_test([1.5] * 3, 1.0)) == (0.0, 1.0)
    assert mean([1e308] * 4) == pytest.approx(1e308)


def test_holm_is_its_authors_procedure() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("count", "ranks"), [(8, (0, 7)), (20, (5, 14)), (40, (13, 26))])
def test_the_interval_of_the_median_is_that_of_the_tables(count: int, ranks: tuple[int, int]) -> None:
    """E.g. Conover, Practical Nonparametric Statistics: the 95 % ranks of 8, 20 and 40 values, counted from 0."""
    assert median_interval([float(i) for i in range(count)]) == ranks


def test_all_of_it_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for df, t in itertools.product((1, 2, 3, 9, 15, 49, 200, 1e4), (-60, -4.4, -2, -0.3, 0, 0.1, 1, 2.5, 12)):
        assert t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), rel=1e-9)
    for df, p in itertools.product((1, 2, 9, 49, 1e4), (0.001, 0.025, 0.3, 0.9, 0.975, 0.9999)):
        assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9)
    for n, k in itertools.product((1, 2, 7, 16, 50, 297, 10_000), (0, 1, 3, 25, 140, 4900)):
        if k <= n:
            assert sign_test(n - k, k) == pytest.approx(stats.binomtest(k, n).pvalue, rel=1e-9)
    chance = random.Random(1)
    for n in (2, 3, 10, 40):
        values = [chance.gauss(0.3, 1) for _ in range(n)]
        known = stats.ttest_1samp(values, 0)
        assert t_test(values) == pytest.approx(known.pvalue, rel=1e-9)
        assert t_interval(values) == pytest.approx(tuple(known.confidence_interval()), rel=1e-9)
        sides = ((-0.8, "greater"), (0.8, "less"))
        worse = max(stats.ttest_1samp(values, margin, alternative=side).pvalue for margin, side in sides)
        assert equivalence_test(values, 0.8) == pytest.approx(worse, rel=1e-9)
    ps = [chance.random() ** 3 for _ in range(18)]
    order = sorted(range(18), key=ps.__getitem__)
    stepwise = itertools.accumulate((min(1.0, (18 - i) * ps[place]) for i, place in enumerate(order)), max)
    assert holm(ps) == pytest.approx([p for _, p in sorted(zip(order, stepwise, strict=True))])
