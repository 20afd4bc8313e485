"""The one hook that stays where a loop has been seen to clear its gradients: on one parameter, to cost next to nothing.

It counts the backward() calls, and notices when the parameter's gradient has not been cleared. It stands on the parameter
whose gradient a backward() reaches first, so that it notices before any other gradient has been added to. It can look at
the loss as well, which costs more.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType

import torch
from torch import Tensor

from gradtui.check.backwards import Backward, backward_frame, loss_of
from gradtui.check.lines import Place, frame_here
from gradtui.check.losses import Loss
from gradtui.check.tensors import tensor_hook

Follow = Callable[[FrameType | None], None]
_BACKWARD = torch.autograd.backward.__code__


class Sentinel:
    """``not_cleared`` is called inside the first backward() that finds the applied gradient still in place; it returns
    what is to be called for that contribution and for each one after. ``odd_loss`` gets what may not be finite."""

    def __init__(
        self,
        parameter: Tensor,
        not_cleared: Callable[[], Follow],
        odd_loss: Callable[[Loss, Place | None], None],
    ) -> None:
        self.applied: weakref.ref[Tensor] | None = None
        """What the last step applied. None: a loop that sets gradients to None, so that any gradient would be that."""
        self.backwards = 0
        """The calls of backward() since the last step."""
        self.reads_loss = True
        self.loss: float | None = None
        """The last loss that was read, where it lies on the CPU."""
        self._parameter = weakref.ref(parameter)
        self._not_cleared, self._odd_loss = not_cleared, odd_loss
        self._follow: Follow | None = None
        self._handle = parameter.register_hook(self._tensor_hook)

    @property
    def alarmed(self) -> bool:
        return self._follow is not None

    def remove(self) -> None:
        self._handle.remove()

    @tensor_hook
    def _tensor_hook(self, fresh: Tensor) -> None:
        if not self.backwards:
            parameter = self._parameter()
            gradient = parameter.grad if parameter is not None else None
            if gradient is not None and (self.applied is None or self.applied() is gradient):
                self._follow = self._not_cleared()
        self.backwards += 1
        if self._follow is not None:
            self._follow(frame_here().f_back)
        elif self.reads_loss:
            self._read_loss(frame_here().f_back)

    def _read_loss(self, frame: FrameType | None) -> None:
        # On the CPU the frame below is torch's _engine_run_backward, and the next one is torch.autograd.backward.
        caller = frame.f_back if frame is not None else None
        if caller is None or caller.f_code is not _BACKWARD:
            caller = backward_frame(frame)
        loss = loss_of(caller) if caller is not None else None
        if loss is None:
            return
        if loss.is_cpu and not loss.dim():
            self.loss = value = loss.item()
            if value - value == 0.0:  # neither nan nor infinite
                return
        backward = Backward(caller)
        if backward.loss is not None:
            self._odd_loss(backward.loss, backward.place)
