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
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gradtui.compare.applied import AppliedGradients, Clears, parameters_of
from gradtui.compare.losses import BackwardLosses
from gradtui.compare.measuring import Measuring
from gradtui.compare.script_journal import StepRecorder


class Steps:
    """Runs at every step. ``applied`` does what distinguishes this side of the run."""

    def __init__(self, rows: StepRecorder, losses: BackwardLosses, applied: AppliedGradients) -> None:
        self.without_loss = 0
        self._rows = rows
        self._applied = applied
        self._losses = losses
        self._measuring = Measuring(losses)
        self._stepping: list[Optimizer] = []
        self._numbers: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()
        self._count = 0

    def watch(self) -> None:
        """Install the hooks."""
        self._losses.watch()
        self._watch_parameters()
        self._watch_skipped_steps()
        register_optimizer_step_pre_hook(self._before_step)
        register_optimizer_step_post_hook(self._after_step)

    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._rows.recording:
            return None
        self._enter(optimizer)
        self._losses.step_begins()
        self._applied.before_step(optimizer)
        if isinstance(self._applied, Clears):
            return self._with_marking_closure(optimizer, args, kwargs)
        return None

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._rows.recording or optimizer not in self._stepping:
            return
        del self._stepping[self._stepping.index(optimizer) :]
        self._applied.after_step(optimizer)
        gradients = self._measuring.after_step(optimizer)
        if self._stepping:
            return
        loss = self._losses.step_ends()
        if loss is None:
            self.without_loss += 1
            loss = torch.tensor(float("nan"), device=parameters_of(optimizer)[0].device)
        self._rows.step(loss, gradients, self._number(optimizer))

    def _watch_parameters(self) -> None:
        """Track parameters as soon as an optimizer gets them, to know which ones backward() calls reach."""
        add_param_group = Optimizer.add_param_group

        @functools.wraps(add_param_group)
        def watched(optimizer: Optimizer, param_group: dict[str, Any]) -> None:
            add_param_group(optimizer, param_group)
            if self._rows.recording:
                self._applied.know(optimizer)

        Optimizer.add_param_group = watched  # type: ignore[method-assign, assignment]

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

    def _enter(self, optimizer: Optimizer) -> None:
        """Begin a step. Drop open steps that cannot contain it (no shared parameters): an error ended them."""
        mine = {id(parameter) for parameter in parameters_of(optimizer)}
        while self._stepping and (
            self._stepping[-1] is optimizer or mine.isdisjoint(map(id, parameters_of(self._stepping[-1])))
        ):
            self._stepping.pop()
        self._stepping.append(optimizer)

    def _number(self, optimizer: Optimizer) -> int:
        """1 for the first optimizer that steps, 2 for the next."""
        if optimizer not in self._numbers:
            self._count += 1
            self._numbers[optimizer] = self._count
        return self._numbers[optimizer]

    def _with_marking_closure(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same arguments, with a closure that marks what earlier evaluations left before each later one."""
        evaluated = False

        def marking(closure: Callable[[], object]) -> Callable[[], object]:
            def evaluate() -> object:
                nonlocal evaluated
                if evaluated:
                    self._applied.mark(optimizer)
                evaluated = True
                return closure()

            return evaluate

        if len(args) > 1 and callable(args[1]):  # args[0] is the optimizer
            return (args[0], marking(args[1]), *args[2:]), kwargs
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": marking(kwargs["closure"])}
        return None
