"""The one hook that stays on a loop that clears its gradients: on a single parameter, to cost almost nothing.

It counts the backward() calls, looks at their losses, and notices if the parameter's gradient has not been cleared. It sits on
the parameter whose gradient a backward() reaches first, so it notices before any other gradient has been added to.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from gradtui.check.source_lines import Place, frame_here
from gradtui.check.torch.backwards import Backward, backward_frame, loss_of
from gradtui.check.torch.loss_values import Loss
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.tensors import remove_hook, tensor_hook

Follow = Callable[[FrameType | None], None]
_BACKWARD = torch.autograd.backward.__code__


class Sentinel:
    """A hook on one parameter. ``not_cleared`` is called inside the first backward() that finds the applied gradient still
    in place; it returns the function to call for that contribution and each later one. ``odd_loss`` gets losses that may not
    be finite."""

    def __init__(
        self,
        parameter: Tensor,
        not_cleared: Callable[[], Follow],
        odd_loss: Callable[[Loss, Place | None], None],
    ) -> None:
        self.count = 0
        """Number of backward() calls since the last step."""
        self.applied: weakref.ref[Tensor] | None = None
        """The gradient that the last step applied; None if the loop sets gradients to None, so that any gradient is that
        one."""
        self.loss: float | None = None
        """The last loss that was looked at, if it is on the CPU."""
        self.lost = ""
        self._not_cleared, self._odd_loss = not_cleared, odd_loss
        self._follow: Follow | None = None
        self._parameter = weakref.ref(parameter)
        self._handle: RemovableHandle | None = None
        self.stand()

    @property
    def stands(self) -> bool:
        """Whether the hook is set."""
        return self._handle is not None

    def stand(self) -> None:
        """Set the hook, if it is not set."""
        parameter = self._parameter()
        if self._handle is None and parameter is not None:
            self.count = 0
            self._handle = parameter.register_hook(self._hook)

    def rest(self) -> None:
        """Remove the hook, for some steps or for good."""
        if self._handle is not None:
            remove_hook(self._handle, self._parameter())
            self._handle = None

    @property
    def alarmed(self) -> bool:
        return self._follow is not None

    def give_up(self, *arguments: object) -> None:
        """Stop watching. The hook stays: torch may be iterating over the hooks right now."""

    @tensor_hook
    @guarded
    def _hook(self, fresh: Tensor) -> None:
        if self.lost:
            return
        frame = frame_here(2)
        # On the CPU this frame is torch's _engine_run_backward, and its caller is torch.autograd.backward.
        caller = frame.f_back if frame is not None else None
        if caller is None or caller.f_code is not _BACKWARD:
            caller = backward_frame(frame)
            if caller is None:
                return
        self.count += 1
        if self.count == 1:
            parameter = self._parameter()
            if parameter is not None and parameter.grad is not None:
                self._found(parameter.grad)
        if self._follow is not None:
            self._follow(frame)
        else:
            self._look(caller)

    def _found(self, gradient: Tensor) -> None:
        """Raise the alarm if the first backward() since the last step finds the applied gradient."""
        if self.applied is None or self.applied() is gradient:
            self._follow = self._not_cleared()

    def _look(self, caller: FrameType) -> None:
        loss = loss_of(caller)
        if loss is None:
            return
        if type(loss) is Tensor and loss.is_cpu and not loss.dim():
            self.loss = value = loss.item()
            if value - value == 0.0:  # neither nan nor infinite
                return
        backward = Backward(caller)
        if backward.loss is not None:
            self._odd_loss(backward.loss, backward.place)
