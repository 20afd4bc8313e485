"""What theory says of plain SGD: the loss of ``linear`` in closed form, and up to which learning rate a policy is stable.

``linear`` is one sample whose squared residual has curvature 12 along its gradient. After t steps

- WITH: ``r0^2 (1 - 12 lr)^(2 t)``;
- WITHOUT: ``r_t = r0 cos(w (t + 1/2)) / cos(w / 2)`` with ``cos w = 1 - 6 lr``, which solves ``r[t+1] = (2 - 12 lr) r[t] -
  r[t-1]``, an oscillator without friction. Its loss ``r_t^2`` never exceeds ``r0^2 / (1 - 3 lr)``. From lr 1/3 on ``w`` is no
  longer real: the cosines become hyperbolic sines, and the loss grows without bound.

Row n of a step file has the loss before its step is applied, so that its t is n - 1, and ``r0^2`` is the loss of row 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from gradtui.policies import PLAIN_SGD, POLICIES, in_the_way
from gradtui.settings import RunSettings

CURVATURE = 12
"""The only eigenvalue of the Hessian of ``linear`` that is not 0: 2 (x1^2 + x2^2 + 1) at its sample (1, 2)."""

CLOSED_FORM = {**PLAIN_SGD, "experiment": "linear", "precision": "float32"}
"""The settings under which the closed form is exact, up to the rounding of float32."""
WITH = frozenset({"every_step", "every_step_to_zeros"})
WITHOUT = frozenset({"never", "momentum_one"})
"""The policies that it covers."""

FLOAT32_FLOOR = 2.0**-46
"""Below this, the loss of ``linear`` is rounding: its output is near 1, where float32 has steps of 2^-23, of which this is the
square."""
FLOAT32_LARGEST = 3.4028235e38
"""A larger loss is infinite in float32."""

ALL_STEPS = 32
"""In a column of dots with at most this many steps, each of them is computed; of more, this many are."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of the golden ratio, modulo 1, are spread evenly however many there are, and follow no period of the curve."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Theory:
    """The loss of one side of ``linear``; ``first_loss`` is that of row 1."""

    lr: float
    first_loss: float
    cleared: bool

    def loss(self, row: int) -> float:
        """The loss in this row of the step file; inf if it is too large for a float."""
        try:
            return self.first_loss * self._residual(row - 1) ** 2
        except OverflowError:
            return math.inf

    def _residual(self, t: int) -> float:
        """The size of ``r_t / r0``. Raises OverflowError."""
        if self.cleared:
            return float((1 - CURVATURE * self.lr) ** t)
        w, u = self._frequency
        if w:
            return math.cos(w * (t + 0.5)) / math.cos(w / 2)
        return math.sinh(u * (t + 0.5)) / math.sinh(u / 2) if u else 2.0 * t + 1

    @cached_property
    def _frequency(self) -> tuple[float, float]:
        """``w`` of the cosines, 0 if it is not real; then the rate of the hyperbolic sines."""
        cosine = 1 - CURVATURE / 2 * self.lr
        return (math.acos(cosine), 0.0) if cosine > -1 else (0.0, math.acosh(-cosine))

    @property
    def envelope(self) -> float | None:
        """What the loss never exceeds and comes back to; None if it has no such bound or does not swing."""
        bounded = not self.cleared and 3 * self.lr < 1
        return self.first_loss / (1 - 3 * self.lr) if bounded else None

    def last_row(self, last: int) -> int:
        """The last row, at most ``last``, that float32 can hold: WITH falls below its floor, what diverges leaves its range."""
        if self._holds(last):
            return last
        low, high = 1, last
        while high - low > 1:  # the loss WITH, and the size of what diverges, only fall or only grow
            middle = (low + high) // 2
            low, high = (middle, high) if self._holds(middle) else (low, middle)
        return low

    def _holds(self, row: int) -> bool:
        """Whether float32 can hold this row's loss. WITHOUT may be near 0 for one step, as its residual swings through it."""
        loss = self.loss(row)
        return loss <= FLOAT32_LARGEST and (loss >= FLOAT32_FLOOR or not self.cleared)

    def points(self, first: int, last: int, columns: int) -> list[tuple[float, float]]:
        """The curve from row ``first`` to row ``last``: the lowest and the highest loss in each of ``columns`` columns."""
        end = self.last_row(last)
        rows = max(1, math.ceil((last - first + 1) / columns))
        points: list[tuple[float, float]] = []
        for start in range(first, end + 1, rows):
            some = [(self.loss(row), row) for row in _some(start, min(end, start + rows - 1))]
            points += sorted({(float(row), loss) for loss, row in (min(some), max(some))})
        return points

    def envelope_points(self, first: int, last: int) -> list[tuple[float, float]]:
        """The envelope as a line, if there is one."""
        return [(float(first), self.envelope), (float(last), self.envelope)] if self.envelope is not None else []


def _some(first: int, last: int) -> Iterator[int]:
    """All numbers from first to last, or ALL_STEPS of them."""
    count = last - first + 1
    if count <= ALL_STEPS:
        yield from range(first, last + 1)
    else:
        yield from (first + int(count * (i * GOLDEN % 1)) for i in range(ALL_STEPS))


def has_closed_form(settings: RunSettings) -> bool:
    """Whether the closed form holds with these settings, for the sides whose policy it covers."""
    return not in_the_way(CLOSED_FORM, vars(settings))


def theory_of(settings: RunSettings, side: int, first_loss: float | None) -> Theory | None:
    """The closed form of a side's loss; None where there is none, or no first loss yet."""
    policy = settings.policies[side]
    if not has_closed_form(settings) or policy not in WITH | WITHOUT:
        return None
    if first_loss is None or not 0 < first_loss <= FLOAT32_LARGEST:
        return None
    return Theory(settings.lr, first_loss, policy in WITH)


def stability_limits(settings: RunSettings) -> tuple[int, ...]:
    """Up to which sharpness, lr times the largest curvature, plain SGD stays bounded: the limits of the sides' policies.

    Empty where they do not apply: momentum, weight decay, clipping and other optimizers move them.
    """
    if in_the_way(PLAIN_SGD, vars(settings)):
        return ()
    return tuple(sorted({limit for name in settings.policies if (limit := POLICIES[name].limit) is not None}))


def theory_notes(settings: RunSettings) -> list[str]:
    """What theory says beforehand of a run with these settings, a sentence each."""
    notes = []
    for name, short in zip(settings.policies, settings.shorts, strict=True):
        if not has_closed_form(settings) or name not in WITH | WITHOUT:
            continue
        limit = Fraction(POLICIES[name].limit or 0, CURVATURE)
        if settings.lr > limit:
            fate = "diverges" if name in WITH else "grows without bound"
            notes.append(f"lr {settings.lr:g} is above {limit}: {short} {fate}")
    if {*settings.policies} == {"never", "momentum_one"}:
        notes.append("plain SGD that never clears is SGD with momentum 1 that does: the same losses on both sides, bit for bit")
    return notes
