"""Measure the gradient norms of some of a script's steps: see gradtui.training.gradients."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradtui.compare.backward_losses import BackwardLosses
from gradtui.training.gradients import GradientProbe, measured_steps


class ScriptProbe(GradientProbe):
    """A probe that copes with gradients cleared between two backward() calls; measures only dense floating-point ones.

    If the script clips them between backward() and step(), they are measured before it does so for the first time.
    """

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
        cleared = gradient is None or not gradient.any()  # earlier contributions, like a generator's in a GAN
        if cleared and self._fresh.pop(parameter, None) is not None:
            self.reading, self.clips = None, False
        super()._add_fresh(parameter, fresh.detach())

    def before_clipping(self, parameters: set[Tensor]) -> None:
        """Measure now if gradients of this step are about to be clipped, unless that has been done."""
        if self.clips or self._fresh.keys().isdisjoint(parameters):
            return
        if self.reading is None:  # else the step has begun: one of its own hooks clips
            self._measure()
        self.clips = True

    def unscale(self, scale: float) -> None:
        """Divide the fresh gradients by the loss scale, as the applied ones were."""
        self._fresh = {parameter: fresh / scale for parameter, fresh in self._fresh.items()}

    def _measure(self) -> None:
        if not self.clips and self._measurable():
            with torch.no_grad():
                super()._measure()

    def _measure_clipped(self) -> None:
        if self._measurable():
            with torch.no_grad():
                super()._measure_clipped()

    def _measurable(self) -> bool:
        gradients = [parameter.grad for parameter in self._fresh if parameter.grad is not None]
        return self._fit and len({gradient.device for gradient in gradients}) <= 1 and all(map(_is_plain, gradients))


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

    def before_clipping(self, parameters: list[Tensor]) -> None:
        """Called when the script is about to clip the gradients of these parameters."""
        for schedule in [*self._schedules.values()]:
            if schedule.probe is not None:
                schedule.probe.before_clipping({*parameters})

    def unscaled(self, optimizer: Optimizer, scale: Callable[[], float]) -> None:
        """Called when the optimizer's gradients were divided by the loss scale."""
        schedule = self._schedules.get(optimizer)
        if schedule is not None and schedule.probe is not None:
            schedule.probe.unscale(scale())

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
