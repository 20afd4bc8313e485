"""Finds the source line that clears a gradient.

A gradient that is set to None usually reports its own end: a weak reference calls back. One that is overwritten does not, nor
does one that something else holds. If a script clears that way, python's profile hook is set for an interval or two, and the
gradient is checked after every call.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import FrameType

from torch import Tensor

from gradtui.check.source_lines import Place, is_torchs, users_place
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.tensors import version_of

CLEARING = "zero_grad"
"""The name of torch's functions that clear gradients."""


def place_of_end(frame: FrameType | None) -> Place | None:
    """The user's line that frees a gradient while ``frame`` runs; None if that line does not clear it.

    Torch may also free a gradient long after it was cleared; DistributedDataParallel does so in its forward().
    """
    if frame is not None and is_torchs(frame.f_code) and frame.f_code.co_name != CLEARING:
        return None
    return users_place(frame)


class LineFinder:
    """Finds the line that next clears one parameter's gradient."""

    def __init__(self) -> None:
        self._parameter: weakref.ref[Tensor] | None = None
        self._gradient: weakref.ref[Tensor] | None = None
        self._version = 0
        self.lost = ""
        self._found: Callable[[Place], None] = lambda place: None

    def start(self, parameter: Tensor, gradient: Tensor, found: Callable[[Place], None]) -> None:
        """Search from now on, unless another profiler is running; call ``found`` with the line, at most once."""
        if sys.getprofile() is None:
            self._parameter, self._gradient = weakref.ref(parameter), weakref.ref(gradient)
            self._version, self._found = version_of(gradient), found
            sys.setprofile(self._called)

    def stop(self) -> None:
        """Stop searching."""
        if self._gradient is not None:
            self._gradient = None
            self._unset()

    def _unset(self) -> None:
        """Unset the profile hook of this thread, if it is ours."""
        # Compare __self__: each access to self._called makes a new object.
        if getattr(sys.getprofile(), "__self__", None) is self:
            sys.setprofile(None)

    def give_up(self, *arguments: object) -> None:
        """Leave the line unknown."""
        self.stop()

    @guarded
    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        if self._gradient is None:  # another thread has stopped the search
            self._unset()
        written = event == "c_return"
        set_to_none = event == "return" and frame.f_code.co_name == CLEARING
        if not (written or set_to_none) or self._gradient is None or self._parameter is None:
            return
        parameter, gradient = self._parameter(), self._gradient()
        if parameter is None:
            self.stop()
        elif gradient is None or parameter.grad is not gradient or version_of(gradient) != self._version:
            in_place = gradient is not None and parameter.grad is gradient
            if written and not in_place and frame.f_code.co_name != CLEARING:
                return  # a statement set it to None, some lines before this one
            self.stop()
            place = users_place(frame)
            if place is not None:
                self._found(place)
