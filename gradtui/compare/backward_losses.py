"""Which loss belongs to a step: the scalar whose backward() ran, or the mean of several, as with micro-batches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradtui.check.torch.loss_values import BEFORE_SCALING


class BackwardLosses:
    """The scalars whose backward() ran since the last step.

    If two optimizers step after one backward(), both steps get its loss. For a step that evaluates a closure, its first
    evaluation counts, as ``step()`` returns its loss, together with micro-batches before the step.
    """

    def __init__(self, begin: Callable[[torch.device], bool]) -> None:
        """``begin`` is called with the device when a backward() begins; it returns whether to record it."""
        self.calls = 0
        """Number of backward() calls so far."""
        self._begin = begin
        self._sum: Tensor | None = None
        self._count = 0
        self._stepped = True
        self.in_backward = False
        """Whether a backward() is running; torch.autograd.grad() does not count."""
        self._in_step = False
        self._added_in_step = False
        self._evaluations = 0

    def watch(self) -> None:
        """Watch every backward() from now on. Tensor.backward() calls torch.autograd.backward() too."""
        backward = torch.autograd.backward

        @functools.wraps(backward)
        def watched(tensors: Any, *args: Any, **kwargs: Any) -> None:
            several = [
                each for each in (tensors if isinstance(tensors, (list, tuple)) else [tensors]) if isinstance(each, Tensor)
            ]
            # Gradient checkpointing nests backward() calls.
            if self.in_backward or not several or not self._begin(several[0].device):
                backward(tensors, *args, **kwargs)
                return
            self.in_backward = True
            try:
                backward(tensors, *args, **kwargs)
            finally:
                self.in_backward = False
            self._add(several)

        torch.autograd.backward = watched
        self._watch_scaling()

    def step_begins(self) -> None:
        self._in_step, self._added_in_step, self._evaluations = True, False, 0

    def evaluation_begins(self) -> None:
        """The step is about to evaluate its closure."""
        self._evaluations += 1

    @property
    def pending(self) -> bool:
        """Whether a backward() has run since the last step."""
        return not (self._in_step or self._stepped)

    def drop(self) -> None:
        """All gradients were cleared before a step: the losses so far belong to none, as of a batch that is skipped."""
        self._sum, self._count = None, 0

    def step_ends(self) -> Tensor | None:
        """The loss of the step that has ended, a scalar that shares no memory; None if no scalar's backward() preceded it."""
        self._in_step = False
        self._stepped = True
        return self._sum / self._count if self._sum is not None and self._count > 1 else self._sum

    def _add(self, tensors: list[Tensor]) -> None:
        self.calls += 1
        scalars = [tensor for tensor in tensors if tensor.numel() == 1 and not tensor.is_complex()]
        if not scalars or (self._in_step and self._later_in_step):
            return
        self._added_in_step = self._in_step
        if self._stepped:
            self._sum, self._count, self._stepped = None, 0, False
        for scalar in scalars:
            # For a loss scaled by a GradScaler, take the unscaled one. Copy it, as a script may add up losses in place.
            loss = getattr(scalar, BEFORE_SCALING, scalar).detach().reshape(()).clone()
            if self._sum is None:
                self._sum = loss
            else:
                exact = torch.promote_types(self._sum.dtype, torch.float32)
                self._sum = self._sum.to(exact) + loss.to(self._sum.device, exact)
            self._count += 1

    @property
    def _later_in_step(self) -> bool:
        """Whether a backward() inside the step comes after those that count."""
        return self._evaluations > 1 if self._evaluations else self._added_in_step

    def _watch_scaling(self) -> None:
        scale = torch.amp.GradScaler.scale

        @functools.wraps(scale)
        def watched(scaler: Any, outputs: Any) -> Any:
            scaled = scale(scaler, outputs)
            if isinstance(outputs, Tensor) and scaled is not outputs:
                setattr(scaled, BEFORE_SCALING, outputs.detach())
            return scaled

        torch.amp.GradScaler.scale = watched  # type: ignore[assignment, method-assign]
