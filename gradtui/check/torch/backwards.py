"""Identifies the running backward() from inside a tensor hook: its source line, and the loss that it was called on.

No hook marks the start of a backward(). But every hook on a tensor runs inside one, below the frame of
``torch.autograd.backward``, and that frame knows the loss. On a GPU, hooks run in autograd's own threads, so the frame belongs
to another thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType

import torch
from torch import Tensor

from gradtui.check.source_lines import Place, locals_of, users_place
from gradtui.check.torch.loss_values import Loss

_BACKWARD: CodeType = torch.autograd.backward.__code__
_GRAD: CodeType = torch.autograd.grad.__code__
"""Hooks run inside this one as well, but it returns its gradients to the caller instead of adding them to ``.grad``."""


def backward_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of ``torch.autograd.backward`` at or above ``frame``; if there is none, that of any thread.

    None inside ``torch.autograd.grad``.
    """
    found = _climb(frame, _BACKWARD, _GRAD)
    if found is None:
        for other in running_frames():
            found = _climb(other, _BACKWARD, _GRAD)
            if found is not None:
                break
    return found if found is not None and found.f_code is _BACKWARD else None


def _climb(frame: FrameType | None, *codes: CodeType) -> FrameType | None:
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back
    return frame


def running_frames() -> list[FrameType]:
    """The innermost frame of each thread."""
    return list(sys._current_frames().values())  # noqa: SLF001 (documented, despite its name)


def in_backward(frame: FrameType | None) -> bool:
    """Whether ``frame`` runs inside a backward()."""
    return _climb(frame, _BACKWARD) is not None


def loss_of(frame: FrameType) -> Tensor | None:
    """The tensor that this frame's backward() was called on; None unless it is a single tensor."""
    tensors = locals_of(frame).get("tensors")
    if isinstance(tensors, Tensor):
        return tensors
    return tensors[0] if isinstance(tensors, (tuple, list)) and len(tensors) == 1 else None


class Backward:
    """One call of backward(): where the user made it, and its loss. Calls inside it (checkpointing) are part of it."""

    __slots__ = ("code", "loss", "number", "place")

    def __init__(self, frame: FrameType | None, number: int = 0, code: int = 0) -> None:
        """``number`` counts the calls of the process; ``code`` is what the ledger calls the line."""
        self.number, self.code = number, code
        self.place: Place | None = users_place(frame)
        tensor = loss_of(frame) if frame is not None else None
        self.loss = Loss(tensor) if tensor is not None else None


class Backwards:
    """Tells backward() calls apart. ``now`` returns the number and the code of the one that runs."""

    def __init__(self, now: Callable[[], tuple[int, int]] = lambda: (0, 0)) -> None:
        self._now = now
        self._frame: FrameType | None = None
        self._last: Backward | None = None

    def current(self, frame: FrameType | None) -> Backward:
        """The backward() that runs at ``frame``, a hook's frame; the same object for all hooks of one call."""
        outermost = found = backward_frame(frame)
        while found is not None:
            outermost, found = found, _climb(found.f_back, _BACKWARD)
        if self._last is None or outermost is None or outermost is not self._frame:
            # Keep the frame alive, so that a later one cannot be mistaken for it.
            self._frame, self._last = outermost, Backward(outermost, *self._now())
        return self._last

    def forget(self) -> None:
        """Release the last call's frame, and with it its loss."""
        self._frame = self._last = None
