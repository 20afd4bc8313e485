"""Which call of backward() is running, told from inside a tensor hook: its line, and the loss that it was called on.

There is no hook for the beginning of a backward(). But every hook on a tensor runs inside of one, below the frame of
``torch.autograd.backward``, and that frame knows the loss. On a GPU hooks run in autograd's own threads; then the frame
is another thread's.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType

import torch
from torch import Tensor

from gradtui.check.source_lines import Place, users_place
from gradtui.check.torch.loss_values import Loss

_BACKWARD: CodeType = torch.autograd.backward.__code__
_GRAD: CodeType = torch.autograd.grad.__code__
"""Hooks run in there as well, but what it finds goes to its caller, not to ``.grad``."""


def backward_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of ``torch.autograd.backward`` at or above ``frame``; of any thread, where there is none.

    None inside of a ``torch.autograd.grad``.
    """
    found = _climb(frame, _BACKWARD, _GRAD)
    if found is None:
        for other in sys._current_frames().values():  # noqa: SLF001 (documented, whatever its name)
            found = _climb(other, _BACKWARD, _GRAD)
            if found is not None:
                break
    return found if found is not None and found.f_code is _BACKWARD else None


def _climb(frame: FrameType | None, *codes: CodeType) -> FrameType | None:
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back
    return frame


def in_backward(frame: FrameType | None) -> bool:
    """Whether ``frame`` runs inside of a backward()."""
    return _climb(frame, _BACKWARD) is not None


def loss_of(frame: FrameType) -> Tensor | None:
    """What the backward() of this frame was called on, where that is one tensor."""
    tensors = frame.f_locals.get("tensors")
    if isinstance(tensors, Tensor):
        return tensors
    return tensors[0] if isinstance(tensors, (tuple, list)) and len(tensors) == 1 else None


class Backward:
    """One call of backward(): where the user made it, and its loss. Calls inside of it (checkpointing) are part of it."""

    __slots__ = ("loss", "place")

    def __init__(self, frame: FrameType | None) -> None:
        self.place: Place | None = users_place(frame)
        tensor = loss_of(frame) if frame is not None else None
        self.loss = Loss(tensor) if tensor is not None else None


class Backwards:
    """Tells the calls apart."""

    def __init__(self) -> None:
        self._frame: FrameType | None = None
        self._last: Backward | None = None

    def current(self, frame: FrameType | None) -> Backward:
        """The backward() that runs at ``frame``, a hook's frame; the same object for all hooks of one call."""
        outermost = found = backward_frame(frame)
        while found is not None:
            outermost, found = found, _climb(found.f_back, _BACKWARD)
        if self._last is None or outermost is None or outermost is not self._frame:
            # The frame is kept so that no later one can be taken for it.
            self._frame, self._last = outermost, Backward(outermost)
        return self._last

    def forget(self) -> None:
        """Let go of the last call's frame, and so of its loss."""
        self._frame = self._last = None
