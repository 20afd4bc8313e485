"""Torch hooks around optimizer steps: every step of any optimizer is a step of the run.

Steps are numbered in the order they are taken; each row names its optimizer. A step that an optimizer takes inside
another optimizer's step (one that wraps it) belongs to the outer one.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gradtui.check.torch.optimizer_steps import OpenSteps, closure_of, parameters_of, share_a_tensor, with_closure
from gradtui.compare.applied import AppliedGradients, Clears
from gradtui.compare.backward_losses import BackwardLosses
from gradtui.compare.clipping import watch_clipping
from gradtui.compare.script_gradients import Measuring
from gradtui.compare.script_journal import StepRecorder


class StepHooks:
    """Runs at every step. ``applied`` does what distinguishes this side of the run."""

    def __init__(self, rows: StepRecorder, losses: BackwardLosses, applied: AppliedGradients) -> None:
        self.without_loss = 0
        self._rows = rows
        self._applied = applied
        self._losses = losses
        self._measuring = Measuring(losses)
        self._open: OpenSteps[Optimizer] = OpenSteps()
        self._numbers: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()
        self._count = 0
        self._optimizers: weakref.WeakSet[Optimizer] = weakref.WeakSet()

    def watch(self) -> None:
        """Install the hooks."""
        self._losses.watch()
        self._watch_parameters()
        self._watch_skipped_steps()
        self._watch_unscaling()
        watch_clipping(self._before_clipping)
        if isinstance(self._applied, Clears):
            self._watch_clearing()
        register_optimizer_step_pre_hook(self._before_step)
        register_optimizer_step_post_hook(self._after_step)

    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._rows.recording:
            return None
        self._enter(optimizer)
        self._losses.step_begins()
        self._applied.before_step(optimizer)
        return self._with_watched_closure(optimizer, args, kwargs)

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._rows.recording or not self._open.end(optimizer):
            return
        self._applied.after_step(optimizer)
        gradients = self._measuring.after_step(optimizer)
        if self._open.all:
            return
        loss = self._losses.step_ends()
        if loss is None:
            self.without_loss += 1
            loss = torch.tensor(float("nan"), device=parameters_of(optimizer)[0].device)
        self._rows.step(loss, gradients, self._number(optimizer))

    def _before_clipping(self, parameters: list[Tensor]) -> None:
        if self._rows.recording:
            self._measuring.before_clipping(parameters)

    def _watch_parameters(self) -> None:
        """Track parameters as soon as an optimizer gets them, to know which ones backward() calls reach."""
        add_param_group = Optimizer.add_param_group

        @functools.wraps(add_param_group)
        def watched(optimizer: Optimizer, param_group: dict[str, Any]) -> None:
            add_param_group(optimizer, param_group)
            self._optimizers.add(optimizer)
            if self._rows.recording:
                self._applied.know(optimizer)

        Optimizer.add_param_group = watched  # type: ignore[method-assign, assignment]

    def _watch_clearing(self) -> None:
        """Notice when the script clears all gradients: the losses before belong to no step."""
        for owner in (Optimizer, nn.Module):
            owner.zero_grad = self._noticing(owner.zero_grad)  # type: ignore[method-assign]

    def _noticing(self, zero_grad: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(zero_grad)
        def watched(subject: Any, *args: Any, **kwargs: Any) -> None:
            zero_grad(subject, *args, **kwargs)
            if self._rows.recording and self._losses.pending and not self._any_gradient():
                self._losses.drop()

        return watched

    def _any_gradient(self) -> bool:
        """Whether a parameter of any optimizer holds a gradient that is not zero."""
        parameters = (parameter for optimizer in self._optimizers for parameter in parameters_of(optimizer))
        return any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in parameters)

    def _watch_skipped_steps(self) -> None:
        """Mark gradients as applied even if a GradScaler skips the step because they are not finite: they are used up too."""
        step = torch.amp.GradScaler.step

        @functools.wraps(step)
        def watched(scaler: Any, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
            result = step(scaler, optimizer, *args, **kwargs)
            if self._rows.recording and isinstance(optimizer, Optimizer):
                self._applied.mark(optimizer)
            return result

        torch.amp.GradScaler.step = watched  # type: ignore[method-assign, assignment]

    def _watch_unscaling(self) -> None:
        """Notice when gradients of a scaled loss are divided by the scale, before a step at the latest."""
        unscale = torch.amp.GradScaler.unscale_

        @functools.wraps(unscale)
        def watched(scaler: Any, optimizer: Optimizer) -> None:
            unscale(scaler, optimizer)
            if self._rows.recording and isinstance(optimizer, Optimizer) and scaler.is_enabled():
                self._measuring.unscaled(optimizer, scaler.get_scale)

        torch.amp.GradScaler.unscale_ = watched  # type: ignore[method-assign, assignment]

    def _enter(self, optimizer: Optimizer) -> None:
        """Begin a step. Drop open steps that cannot contain it (no shared parameters): an error ended them."""
        mine, around = parameters_of(optimizer), self._open.all
        while around and (around[-1] is optimizer or not share_a_tensor(mine, parameters_of(around[-1]))):
            around.pop()
        self._open.begin(optimizer)

    def _number(self, optimizer: Optimizer) -> int:
        """1 for the first optimizer that steps, 2 for the next."""
        if optimizer not in self._numbers:
            self._count += 1
            self._numbers[optimizer] = self._count
        return self._numbers[optimizer]

    def _with_watched_closure(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same arguments with a closure whose evaluations are noticed; None if there is no closure.

        WITH, what earlier evaluations left is marked before each later one.
        """
        closure, evaluated = closure_of(args, kwargs), False
        if closure is None:
            return None

        def evaluate() -> object:
            nonlocal evaluated
            self._losses.evaluation_begins()
            if evaluated and isinstance(self._applied, Clears):
                self._applied.mark(optimizer)
            evaluated = True
            return closure()

        return with_closure(args, kwargs, evaluate)
