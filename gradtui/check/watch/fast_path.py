"""What a step needs to know of a loop that glides: one look at one parameter's gradient, and nothing inside of backward().

The gradients of that parameter are kept for some steps, as they are: so that a new one is told from the one before, and
so that a loss that turns out not to be finite can be dated.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from gradtui.check.watch.tensors import version_of

LARGEST = 4096
"""Of a parameter with more elements than this the gradients are not kept."""
HUGE = 1e6
"""A loss may overflow with a gradient as large as this; squares do long before their derivatives."""


class Glide:
    """A step needs no more attention where the gradient of ``parameter`` has this ``version`` and is not the last one in
    ``kept``, while ``kept`` is below its ``limit`` and the optimizer has so many parameter ``groups``."""

    __slots__ = ("groups", "kept", "limit", "parameter", "version")

    def __init__(self, parameter: Tensor, gradient: Tensor, version: int, groups: int) -> None:
        self.parameter, self.version, self.groups = parameter, version, groups
        self.kept = [gradient]
        self.limit = 0

    @property
    def steps(self) -> int:
        """How many there were since the first of the gradients that are kept."""
        return len(self.kept) - 1

    def renew(self, gradient: Tensor) -> bool:
        """Whether this is another tensor than the last one; then it is the last one now."""
        new = gradient is not self.kept[-1]
        if new:
            self.kept.append(gradient)
        return new

    def begin_stretch(self) -> None:
        """Keep the last one only."""
        del self.kept[:-1]

    def since_not_finite(self) -> int:
        """For how many steps up to the last one the gradients have not been finite."""
        as_applied = (each for each in reversed(self.kept) if version_of(each) == self.version)  # not written to since
        return _leading(not bool(gradient.detach().isfinite().all()) for gradient in as_applied)

    def unsure(self) -> int:
        """How many steps before those may have had a loss that was not finite all the same: their gradients are huge."""
        finite = self.kept[: len(self.kept) - self.since_not_finite()]
        return _leading(bool((gradient.detach().abs() > HUGE).any()) for gradient in reversed(finite))


def _leading(values: Iterable[bool]) -> int:
    count = 0
    for value in values:
        if not value:
            break
        count += 1
    return count
