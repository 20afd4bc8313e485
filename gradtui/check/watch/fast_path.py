"""The fast path of a loop that is only sampled: one look at one parameter's gradient per step, and nothing inside backward().

That parameter's gradients are kept unchanged for some steps, to tell a new one from the one before, and to date a loss that
turns out not to be finite.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from gradtui.check.watch.tensors import version_of
from gradtui.check.watch.trail import Trail

LARGEST = 4096
"""Do not keep the gradients of a parameter with more elements than this."""
HUGE = 1e6
"""A gradient this large may mean that the loss has overflowed: squares overflow long before their derivatives."""


class FastPath:
    """A step may be skipped when the gradient of ``parameter`` has this ``version`` and is not the last one in ``kept``,
    while ``kept`` is below its ``limit``, the optimizer has this many parameter ``groups``, and what has happened since the
    last step, the ``trail``, is as ``usual``."""

    __slots__ = ("groups", "kept", "limit", "parameter", "trail", "usual", "version")

    def __init__(self, parameter: Tensor, gradient: Tensor, version: int, groups: int, trail: Trail) -> None:
        self.parameter, self.version, self.groups = parameter, version, groups
        self.trail, self.usual = trail, trail.usual
        self.kept = [gradient]
        self.limit = 0

    @property
    def steps(self) -> int:
        """Number of steps since the first gradient that is kept."""
        return len(self.kept) - 1

    def renew(self, gradient: Tensor) -> bool:
        """Whether this is not the same tensor as the last one; if so, it becomes the last one."""
        new = gradient is not self.kept[-1]
        if new:
            self.kept.append(gradient)
        return new

    def begin_stretch(self) -> None:
        """Keep only the last gradient."""
        del self.kept[:-1]
        self.usual = self.trail.usual

    def since_not_finite(self) -> int:
        """Number of steps in a row, up to the last one, whose gradients are not finite."""
        as_applied = (each for each in reversed(self.kept) if version_of(each) == self.version)  # not written to since
        return _leading(not bool(gradient.detach().isfinite().all()) for gradient in as_applied)

    def unsure(self) -> int:
        """Number of steps right before those that may also have had a non-finite loss, because their gradients are huge."""
        finite = self.kept[: len(self.kept) - self.since_not_finite()]
        return _leading(bool((gradient.detach().abs() > HUGE).any()) for gradient in reversed(finite))


def _leading(values: Iterable[bool]) -> int:
    count = 0
    for value in values:
        if not value:
            break
        count += 1
    return count
