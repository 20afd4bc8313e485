"""Student's t distribution."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

CLOSE_ENOUGH = 1e-15
"""Relative change of the fraction at which its next terms are below the rounding of a float."""


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
