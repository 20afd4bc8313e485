"""A curve's moving average, computed in parts: a long curve takes seconds, in which the app must stay responsive."""

from __future__ import annotations

import math
from itertools import accumulate

from gradtui.runs.results.series import Series

PART = 1 << 15
"""Points to average at a time, in about 5 milliseconds."""
NO_BIAS = 2.0**-54
"""Subtracting less than this from 1 leaves 1."""


class Smoothed:
    """The exponential moving average of a series, debiased so that it starts where the series starts.

    ``s[n] = weight * s[n-1] + (1 - weight) * y[n]``, divided by ``1 - weight**n``. Values that are not finite are gaps and
    are left out. ``series`` has what :meth:`advance` has computed so far.
    """

    def __init__(self, source: Series, weight: float) -> None:
        self.series = Series()
        self._source = source
        self._weight = weight
        self._sum = 0.0
        self._bias = 1.0  # weight**n

    @property
    def behind(self) -> bool:
        """Whether some points of the source are not averaged yet."""
        return len(self.series) < len(self._source)

    def advance(self) -> None:
        """Average the next part."""
        at = len(self.series)
        ys = self._source.ys[at : at + PART].tolist()
        if not ys:
            return
        smooth = self._quickly(ys) if self._bias < NO_BIAS and math.isfinite(sum(ys)) else self._one_by_one(ys)
        self.series.extend(self._source.xs[at : at + len(ys)], smooth)

    def _quickly(self, ys: list[float]) -> list[float]:
        """Average finite values once the bias is negligible."""
        weight, rest = self._weight, 1 - self._weight
        smooth = [*accumulate(ys, lambda total, y: weight * total + rest * y, initial=self._sum)]
        self._sum = smooth[-1]
        return smooth[1:]

    def _one_by_one(self, ys: list[float]) -> list[float]:
        weight, total, bias = self._weight, self._sum, self._bias
        smooth = []
        for y in ys:
            if math.isfinite(y):
                total = weight * total + (1 - weight) * y
                bias *= weight
                smooth.append(total / (1 - bias))
            else:
                smooth.append(math.nan)
        self._sum, self._bias = total, bias
        return smooth
