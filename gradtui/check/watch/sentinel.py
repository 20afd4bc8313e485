"""The one hook that stays where a loop has been seen to clear its gradients: on one parameter, to cost next to nothing.

It counts the backward() calls, looks at their losses, and notices when the parameter's gradient has not been cleared. It
stands on the parameter whose gradient a backward() reaches first, so that it notices before any other has been added to.
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
    """``not_cleared`` is called inside the first backward() that finds the applied gradient still in place; it returns
    what is to be called for that contribution and for each one after. ``odd_loss`` gets what may not be finite."""

    def __init__(
        self,
        parameter: Tensor,
        not_cleared: Callable[[], Follow],
        odd_loss: Callable[[Loss, Place | None], None],
    ) -> None:
        self.count = 0
        """The calls of backward() since the last step."""
        self.applied: weakref.ref[Tensor] | None = None
        """What the last step applied. None: a loop that sets gradients to None, so that any gradient would be that."""
        self.loss: float | None = None
        """The last loss that was looked at, where it lies on the CPU."""
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
        """Set the hook, unless it is."""
        parameter = self._parameter()
        if self._handle is None and parameter is not None:
            self.count = 0
            self._handle = parameter.register_hook(self._hook)

    def rest(self) -> None:
        """Take the hook away, for some steps or for good."""
        if self._handle is not None:
            remove_hook(self._handle, self._parameter())
            self._handle = None

    @property
    def alarmed(self) -> bool:
        return self._follow is not None

    def give_up(self, *arguments: object) -> None:
        """Hear no more. The hook stays: torch may be going through the hooks now."""

    @tensor_hook
    @guarded
    def _hook(self, fresh: Tensor) -> None:
        if self.lost:
            return
        frame = frame_here(2)
        # On the CPU the frame below is torch's _engine_run_backward, and the next one is torch.autograd.backward.
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
        """The first backward() since the last step finds a gradient."""
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
