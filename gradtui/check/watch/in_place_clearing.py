"""Tells whether something that wrote to a gradient has cleared it, reading its values as rarely as that is safe."""

from __future__ import annotations

from torch import Tensor

from gradtui.check.judgements import Written
from gradtui.check.watch.values import any_nonzero

ZEROS_BELIEVED = 3
"""After this many in-place clearings in a row that left zeros, only every ``ZEROS_LOOKED_AT``-th is checked, because a check
waits for the device."""
ZEROS_LOOKED_AT = 64


class InPlaceClearing:
    """What writes to one gradient have left, step by step."""

    def __init__(self) -> None:
        self.zeroed = False
        """The gradient has been cleared in place since the last step."""
        self._seen = {Written.BEFORE: 0, Written.BETWEEN: 0, Written.INSTEAD: 0}
        """For how many steps in a row a write at that time has left zeros."""

    def leaves_zeros(self, gradient: Tensor, step: int, when: Written) -> bool:
        """Whether the write that happened ``when``, in this step, cleared the gradient."""
        believed = self._seen[when] >= ZEROS_BELIEVED and step % ZEROS_LOOKED_AT
        self.zeroed = bool(believed) or not any_nonzero(gradient)
        self._seen[when] = self._seen[when] + 1 if self.zeroed else 0
        return self.zeroed

    def settle(self) -> None:
        """A step has applied the gradient."""
        if not self.zeroed:
            self._seen = dict.fromkeys(self._seen, 0)
        self.zeroed = False
