"""Measure the gradient norms of some of a script's steps: see gradtui.training.gradients."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradtui.compare.backward_losses import BackwardLosses
from gradtui.training.gradients import GradientProbe, measured_steps


class ScriptProbe(GradientProbe):
    """A probe that copes with gradients cleared between two backward() calls; measures only dense floating-point ones."""

    def __init__(self, optimizer: Optimizer, losses: BackwardLosses) -> None:
        super().__init__(optimizer)
        self._losses = losses
        # Frozen and lazy parameters take no hook.
        self._parameters = [each for each in self._parameters if each.requires_grad and not is_lazy(each)]
        self._fit = True

    def _add_fresh(self, parameter: Tensor, fresh: Tensor) -> None:
        if not self._losses.in_backward:  # torch.autograd.grad() adds to no .grad
            return
        self._fit = self._fit and _is_plain(fresh)
        if not self._fit:
            return
        gradient = parameter.grad
        if gradient is None or not gradient.any():  # earlier contributions were cleared, like a generator's in a GAN
            self._fresh.pop(parameter, None)
        super()._add_fresh(parameter, fresh.detach())

    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        gradients = [parameter.grad for parameter in self._fresh if parameter.grad is not None]
        one_device = len({gradient.device for gradient in gradients}) <= 1
        if self._fit and one_device and all(map(_is_plain, gradients)):
            with torch.no_grad():
                super()._before_step(optimizer, args, kwargs)


def _is_plain(gradient: Tensor) -> bool:
    return gradient.layout is torch.strided and gradient.is_floating_point()


@dataclass
class _Schedule:
    steps: int
    to_measure: Iterator[int]
    next_one: int
    probe: ScriptProbe | None = None


class Measuring:
    """Measures some of every optimizer's steps, from its second on: an optimizer is unknown until its first step."""

    def __init__(self, losses: BackwardLosses) -> None:
        self._losses = losses
        self._schedules: weakref.WeakKeyDictionary[Optimizer, _Schedule] = weakref.WeakKeyDictionary()

    def after_step(self, optimizer: Optimizer) -> Tensor | None:
        """Return the reading of the step that has ended, if it was measured; start measuring the next one if it is due."""
        schedule = self._schedules.get(optimizer)
        if schedule is None:
            to_measure = measured_steps(None)
            schedule = self._schedules[optimizer] = _Schedule(0, to_measure, next(to_measure))
        schedule.steps += 1
        probe, schedule.probe = schedule.probe, None
        if probe is not None:
            probe.__exit__(None, None, None)
        while schedule.next_one <= schedule.steps:
            schedule.next_one = next(schedule.to_measure)
        if schedule.next_one == schedule.steps + 1:
            schedule.probe = ScriptProbe(optimizer, self._losses)
            schedule.probe.__enter__()
        return probe.reading if probe is not None else None
