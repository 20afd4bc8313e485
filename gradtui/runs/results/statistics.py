"""Statistics over seeds: tests of paired differences, and the verdicts that they support. Floats in, floats out.

The two sides of a run share each seed's initial weights and batches, so a seed gives a pair of results, and only their
difference is tested. A pair is one observation; 3 seeds are 3 observations, however long the runs are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradtui.runs.results.student_t import t_cdf, t_quantile
from gradtui.runs.results.thresholds import (
    EQUAL_LOSSES,
    EQUAL_POINTS,
    FEWEST_SEEDS,
    INTERVAL_TAIL,
    SHARE_OF_FINITE_PAIRS,
    SIGNIFICANCE,
)

LOG_RATIO, POINTS, LOSS = "log ratio", "points", "loss"
"""The units of a difference: log(left / right) of losses, left - right in points of accuracy, left - right of losses."""

MARGINS = {LOG_RATIO: math.log1p(EQUAL_LOSSES), POINTS: EQUAL_POINTS}
"""Differences within this do not matter, by unit. That of plain losses is a share of the losses themselves."""

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

    A value is infinite where only one side is finite, or one loss is 0, with the sign of a difference by which the other side
    loses; it is nan where neither side is finite. Differences within ``margin`` do not matter. ``lower_wins``: a negative
    difference favours left.
    """

    values: Sequence[float]
    unit: str
    margin: float
    lower_wins: bool


@dataclass(frozen=True)
class Difference:
    """What the seeds say about one quantity.

    ``mean`` is the mean of left minus right in ``unit``, over the seeds whose difference is finite, and ``low`` to
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


# Tests and intervals


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of at least one value, however large."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean of at least two values."""
    center = mean(values)
    return math.hypot(*(value - center for value in values)) / math.sqrt(len(values) * (len(values) - 1))


def t_statistic(values: Sequence[float], center: float = 0.0) -> float:
    """Distance of the mean from ``center`` in standard errors; infinite if all values are the same, nan if it is zero, too."""
    distance, error = mean(values) - center, standard_error(values)
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
    center, half = mean(values), t_quantile((1 + confidence) / 2, len(values) - 1) * standard_error(values)
    return center - half, center + half


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
    return min(1.0, tail / (1 << (n - 1)))


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
    """The difference of each seed.

    A loss of 0 is lower than any other by an infinite factor. Negative losses have no ratio: if a seed has one, all losses are
    subtracted, in the unit ``loss``, and the margin is the same share of their mean size. Equal losses differ by 0 either way.
    """
    finite = [(a, b) for a, b in zip(pair.left, pair.right, strict=True) if math.isfinite(a) and math.isfinite(b)]
    unit = LOSS if pair.unit == LOG_RATIO and any(min(a, b) < 0 for a, b in finite) else pair.unit
    size = mean([max(abs(a), abs(b)) for a, b in finite]) if finite else 0.0
    values = [_difference(a, b, unit) for a, b in zip(pair.left, pair.right, strict=True)]
    return Differences(values, unit, MARGINS.get(unit, EQUAL_LOSSES * size), lower_wins=unit != POINTS)


def _difference(left: float, right: float, unit: str) -> float:
    if not (math.isfinite(left) and math.isfinite(right)):
        left_loses = math.isfinite(right)
        if not (left_loses or math.isfinite(left)):
            return math.nan
        return -math.inf if left_loses == (unit == POINTS) else math.inf
    if left == right:
        return 0.0
    if unit == LOG_RATIO:
        if min(left, right) == 0:
            return -math.inf if left == 0 else math.inf
        ratio = left / right
        return math.log(ratio) if 0 < ratio < math.inf else math.log(left) - math.log(right)
    return 100 * (left - right) if unit == POINTS else left - right


def judged(pairs: Sequence[Paired]) -> list[Difference]:
    """Judge each pair. What is ``surely`` so allows for the number of pairs, with Holm's procedure over all of them.

    - ``surely``: the t test and the sign test both are below SIGNIFICANCE for all pairs together, and favour the same side;
    - ``likely``: the t test alone, for this pair alone;
    - ``no difference``: all differences are 0, or two one-sided t tests put their mean within the margin;
    - ``cannot tell``: none of these, or fewer than FEWEST_SEEDS.

    A seed whose difference is infinite is a win in the sign test. The t test leaves such seeds out. It does not count if too
    few seeds are left, or if the side that it favours loses a seed that it leaves out: it would tell only of the survivors.
    Where it does not count, the sign test decides alone, and six to none is the least that is likely.
    """
    return judged_differences([paired_differences(pair) for pair in pairs])


def judged_differences(samples: Sequence[Differences]) -> list[Difference]:
    """As :func:`judged`, from the differences of each pair."""
    tested = [_Tested.of(sample) for sample in samples]
    by_value = holm([one.p_value for one in tested])
    by_sign = holm([one.p_sign for one in tested])
    return [one.difference(*adjusted) for one, *adjusted in zip(tested, by_value, by_sign, strict=True)]


@dataclass(frozen=True)
class _Tested:
    """The tests of one sample of differences, before they are adjusted."""

    sample: Differences
    finite: Sequence[float]
    mean: float
    left_wins: int
    right_wins: int
    p_t: float
    p_sign: float
    t_counts: bool

    @classmethod
    def of(cls, sample: Differences) -> _Tested:
        finite = [value for value in sample.values if math.isfinite(value)]
        negative, positive = (sum(sign * value > 0 for value in sample.values) for sign in (-1, 1))
        left_wins, right_wins = (negative, positive) if sample.lower_wins else (positive, negative)
        center = mean(finite) if finite else math.nan
        lost = -math.copysign(math.inf, center)  # the side that the mean favours loses such a seed
        enough = len(finite) >= FEWEST_SEEDS and len(finite) > SHARE_OF_FINITE_PAIRS * len(sample.values)
        p_t, p_sign = t_test(finite), sign_test(left_wins, right_wins)
        return cls(sample, finite, center, left_wins, right_wins, p_t, p_sign, enough and lost not in sample.values)

    @property
    def p_value(self) -> float:
        """The p of the t test; where that does not count, of the sign test."""
        return self.p_t if self.t_counts else self.p_sign

    def difference(self, by_value: float, by_sign: float) -> Difference:
        """The verdict, by the adjusted p values of both tests."""
        verdict, better = self._verdict(by_value, by_sign)
        return Difference(
            unit=self.sample.unit,
            mean=self.mean,
            low=(interval := t_interval(self.finite))[0],
            high=interval[1],
            left_wins=self.left_wins,
            right_wins=self.right_wins,
            ties=len(self.sample.values) - self.left_wins - self.right_wins,
            p_t=self.p_t,
            p_sign=self.p_sign,
            verdict=verdict,
            better=better,
        )

    def _verdict(self, by_value: float, by_sign: float) -> tuple[str, str | None]:
        by_wins = _side(self.left_wins - self.right_wins)
        by_mean = _side(-self.mean if self.sample.lower_wins else self.mean) if self.t_counts else by_wins
        agreed = by_wins == by_mean
        if max(by_value, by_sign) < SIGNIFICANCE and agreed:
            return SURELY, by_mean
        if self.p_value < SIGNIFICANCE and (agreed or by_wins is None):
            return LIKELY, by_mean
        if self.t_counts and not any(map(math.isinf, self.sample.values)):
            equal = not any(self.finite) or equivalence_test(self.finite, self.sample.margin) < SIGNIFICANCE
            return (NO_DIFFERENCE if equal else CANNOT_TELL), None
        return CANNOT_TELL, None


def is_beyond_margin(difference: Difference) -> bool:
    """Whether its whole interval is beyond the margin; False for plain losses, whose margin depends on them."""
    margin = MARGINS.get(difference.unit, math.inf)
    return difference.low > margin or difference.high < -margin


def is_within_margin(difference: Difference) -> bool:
    """Whether its whole interval is within the margin, sure as it may be; False for plain losses."""
    margin = MARGINS.get(difference.unit, 0.0)
    return -margin < difference.low and difference.high < margin


def _side(advantage: float) -> str | None:
    return "left" if advantage > 0 else "right" if advantage < 0 else None
