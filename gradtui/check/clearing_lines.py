"""Which source line writes zeros into a gradient.

A gradient that is set to None tells by itself when it goes (a weak reference calls back). One that is overwritten does
not; so, where a script clears that way, python's profile hook is set for one interval or two: after every call of a C
function the gradient's version counter is looked at.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import FrameType

from torch import Tensor

from gradtui.check.lines import Place, users_place
from gradtui.check.tensors import version_of


class LineFinder:
    """Finds the line that next writes to one gradient."""

    def __init__(self) -> None:
        self._gradient: weakref.ref[Tensor] | None = None
        self._version = 0
        self._found: Callable[[Place], None] = lambda place: None

    def start(self, gradient: Tensor, found: Callable[[Place], None]) -> None:
        """Look for it from now on, unless some other profiler runs; ``found`` is called with the line, at most once."""
        if sys.getprofile() is None:
            self._gradient, self._version, self._found = weakref.ref(gradient), version_of(gradient), found
            sys.setprofile(self._called)

    def stop(self) -> None:
        """Look no longer."""
        if self._gradient is not None:
            self._gradient = None
            # Compared by what it is bound to: each look at self._called makes a new object.
            if getattr(sys.getprofile(), "__self__", None) is self:
                sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "c_return" or self._gradient is None:
            return
        gradient = self._gradient()
        if gradient is None or version_of(gradient) != self._version:
            self.stop()
            place = users_place(frame)
            if gradient is not None and place is not None:
                self._found(place)
