"""Statistics over seeds: tests of paired differences, and the verdicts that they support. Floats in, floats out.

The two sides of a run share each seed's initial weights and batches, so a seed gives a pair of results, and only their
difference is tested. A pair is one observation; 3 seeds are 3 observations, however long the runs are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev

from gradtui.runs.results.thresholds import (
    INTERVAL_TAIL,
)

LOG_RATIO, POINTS, LOSS = "log ratio", "points", "loss"
"""The units of a difference: log(left / right) of losses, left - right in points of accuracy, left - right of losses."""

CLOSE_ENOUGH = 1e-15
"""Relative change of a sum or a fraction at which its next terms are below the rounding of a float."""

PRECISION_BITS = 64
"""A term of a sum of integers that is smaller than the sum by this factor of two changes nothing, once it is a float."""

SURELY, LIKELY, NO_DIFFERENCE, CANNOT_TELL = "surely", "likely", "no difference", "cannot tell"


@dataclass(frozen=True)
class Paired:
    """Both sides' results, a value per seed in the same order: losses (``log ratio``, ``loss``) or accuracies from 0 to 1
    (``points``); nan or infinite as such. The lower loss and the higher accuracy win."""

    left: Sequence[float]
    right: Sequence[float]
    unit: str


@dataclass(frozen=True)
class Differences:
    """Left minus right for every seed, in ``unit``.

    A value is infinite where only one side is finite, with the sign of a difference by which the other side loses, and nan
    where neither is. Differences within ``margin`` do not matter. ``lower_wins``: a negative difference favours left.
    """

    values: Sequence[float]
    unit: str
    margin: float
    lower_wins: bool


@dataclass(frozen=True)
class Difference:
    """What the seeds say about one quantity.

    ``mean`` is the mean of left minus right in ``unit``, over the seeds in which both sides are finite, and ``low`` to
    ``high`` its 95 % t interval. ``p_t`` and ``p_sign`` are the two-sided p values of the t test and the sign test, not
    adjusted; the verdict is. What cannot be computed is nan. ``better`` is ``left``, ``right`` or None.
    """

    unit: str
    mean: float
    low: float
    high: float
    left_wins: int
    right_wins: int
    ties: int
    p_t: float
    p_sign: float
    verdict: str
    better: str | None

    def as_dict(self) -> dict[str, object]:
        """The fields for JSON: None for what cannot be computed."""
        return {name: None if value != value else value for name, value in vars(self).items()}


# Distributions and tests


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction.

    Press et al., Numerical Recipes, 3rd edition, section 6.4.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there, the fraction of the complement converges faster
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in itertools.count(1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = fraction
        for term in (even, odd):
            d, c = 1 / (1 + term * d), 1 + term / c
            fraction *= c * d
        if abs(fraction - before) <= CLOSE_ENOUGH * abs(fraction):
            break
    return front * fraction / a


def t_cdf(t: float, df: float) -> float:
    """P(T <= t) of Student's t with ``df`` degrees of freedom (Abramowitz and Stegun, 26.7.1)."""
    tail = 0.0 if math.isinf(t) else incomplete_beta(df / (df + t * t), df / 2, 0.5) / 2
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=1024)
def t_quantile(probability: float, df: float) -> float:
    """The t with P(T <= t) = ``probability``, which is between 0 and 1, by bisection."""
    if probability < 0.5:
        return -t_quantile(1 - probability, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < probability:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if t_cdf(middle, df) < probability else (low, middle)
    return high


def t_statistic(values: Sequence[float], center: float = 0.0) -> float:
    """Distance of the mean from ``center`` in standard errors; infinite if all values are the same, nan if it is zero, too."""
    distance = fmean(values) - center
    error = stdev(values) / math.sqrt(len(values))
    if error == 0:
        return math.copysign(math.inf, distance) if distance else math.nan
    return distance / error


def t_test(values: Sequence[float]) -> float:
    """The two-sided p of Student's one-sample t test for a mean of zero (Student 1908); nan with fewer than two values."""
    if len(values) < 2:
        return math.nan
    t = t_statistic(values)
    return 1.0 if math.isnan(t) else 2 * t_cdf(-abs(t), len(values) - 1)


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The confidence interval of the mean by Student's t; nan with fewer than two values."""
    if len(values) < 2:
        return math.nan, math.nan
    mean = fmean(values)
    half = t_quantile((1 + confidence) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def equivalence_test(values: Sequence[float], margin: float) -> float:
    """The p of two one-sided t tests for a mean within ``margin`` of zero (Schuirmann 1987); nan with fewer than two values."""
    if len(values) < 2:
        return math.nan
    above, below = t_statistic(values, -margin), t_statistic(values, margin)
    return max(t_cdf(-above, len(values) - 1), t_cdf(below, len(values) - 1))


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p of the exact sign test: as uneven an outcome from tosses of a fair coin (Arbuthnot 1710). No ties."""
    n, k = wins + losses, min(wins, losses)
    if 2 * k >= n:
        return 1.0
    term = tail = math.comb(n, k)
    while term > tail >> PRECISION_BITS:  # the binomial coefficients below k, down to those that change nothing
        term = term * k // (n - k + 1)
        tail += term
        k -= 1
    return min(1.0, tail / 2 ** (n - 1))


def exact_mcnemar(only_left: int, only_right: int) -> float:
    """The two-sided p of McNemar's exact test for two classifiers on the same samples.

    ``only_left`` and ``only_right`` count the samples that only this side has right. McNemar 1947; the exact form is the
    sign test of the samples on which the sides differ.
    """
    return sign_test(only_left, only_right)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values adjusted for their number, by Holm's step-down procedure (Holm 1979); in the order given.

    Whatever is below a level then has, for all of them together, at most that probability of a false positive.
    """
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """A 95 % confidence interval of the median, from the order of the values alone (the inverted sign test)."""
    ordered, n = sorted(values), len(values)
    below, rank = 0.0, 0
    while rank < n // 2:  # the largest rank whose tail of the binomial distribution is small enough
        below += math.comb(n, rank) / 2**n
        if below > INTERVAL_TAIL:
            break
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[n - 1 - rank]


# Verdicts


def paired_differences(pair: Paired) -> Differences:
    """The difference of each seed. Losses that are not above zero have no ratio: all are then subtracted, as ``loss``."""
    raise NotImplementedError


def judged(pairs: Sequence[Paired]) -> list[Difference]:
    """Judge each pair; ``surely`` allows for the number of pairs."""
    return judged_differences([paired_differences(pair) for pair in pairs])


def judged_differences(samples: Sequence[Differences]) -> list[Difference]:
    """As :func:`judged`, from the differences."""
    raise NotImplementedError
