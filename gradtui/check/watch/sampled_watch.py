"""Watches a fast loop that clears its gradients: one look per step, and samples that look at everything.

For ``LOSSES`` steps the sentinel looks at every loss, and after that only at samples. Each sample also checks the other
parameters: a gradient that is not cleared has a higher version than a fresh one, and the version grows with each step.
"""

from __future__ import annotations

import weakref

from torch import Tensor
from torch.optim import Optimizer

from gradtui.check.torch.optimizer_steps import parameters_of
from gradtui.check.watch.fast_path import FastPath
from gradtui.check.watch.gradient_history import GradientHistory
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.sentinel import Sentinel
from gradtui.check.watch.tensors import same, version_of

LOSSES = 32
"""Look at this many first losses."""
FIRST_SAMPLE, LAST_SAMPLE = 16, 512
"""Steps between samples: the first interval and the longest one. The interval doubles each time."""
SMALLEST_FIRST_LOSS = 1.0
"""A first loss below this counts as this: of one near 0, any loss would be a multiple."""
GROWN = 1000.0
"""A loss this many times the first one is diverging: every loss is looked at again."""


class SampledWatch:
    """Watches one optimizer by samples. ``live``: the parameters that get gradients, with their histories; ``applied``: the
    gradient of each that the last step applied; ``dormant``: the parameters that get no gradient; ``backwards``: number of
    backward() calls for the last step."""

    def __init__(
        self,
        live: list[tuple[Tensor, GradientHistory]],
        applied: list[weakref.ref[Tensor]],
        dormant: list[Tensor],
        optimizer: Optimizer,
        log: OptimizerLog,
        backwards: int,
    ) -> None:
        self.sampling = False
        """Whether to call :meth:`passes_fast` at each step instead of looking at every gradient."""
        self._live, self._applied, self._dormant, self._log = live, applied, dormant, log
        self._parameters = [parameter for parameter, _ in live]
        self._all, self._groups = parameters_of(optimizer), len(optimizer.param_groups)
        # Put the sentinel on the parameter that the most backward() calls reach, and reach first.
        self._stand = max(range(len(live)), key=lambda place: (live[place][1].total, live[place][1].first_fires))
        self._passed_by = max(0, backwards - live[self._stand][1].contributed)
        """Number of backward() calls per step that do not reach the sentinel's parameter."""
        self._sentinel = self._set_sentinel()
        self._versions = self._versions_now()
        """Versions of fresh gradients."""
        self._suspected = [0] * len(live)
        """For each parameter, how many steps its gradient may have stayed in place without being checked."""
        self._first_loss: float | None = None
        self._until = 0
        """Number of steps still to check one by one before the loop is only sampled again."""
        # Keep the gradients of the smallest parameter; it, too, must be one that every backward() reaches.
        most = max(history.total for _, history in live)
        sizes = [(parameter.numel(), place) for place, (parameter, history) in enumerate(live) if history.total == most]
        self._kept = min(sizes)[1]
        self.fast_path = self._new_fast_path()
        self._sampled = False
        self._counted = 0
        """Number of steps on the fast path that have been added to the log."""
        self._is_new: bool | None = None
        """Whether the current step's gradient is a new tensor; None if not checked yet."""

    def _set_sentinel(self) -> Sentinel:
        """A sentinel on the parameter at ``_stand``."""
        raise NotImplementedError

    def _any_woke(self) -> bool:
        """Whether a parameter that had no gradient now has one."""
        return any(parameter.grad is not None for parameter in self._dormant)

    @property
    def unattended(self) -> bool:
        """Whether the next steps may bypass this watch, as long as they stay on the fast path."""
        return self.sampling and not self._dormant and not self._sentinel.stands

    @property
    def has_sampled(self) -> bool:
        """Whether a first sample has found everything as expected."""
        return self._sampled

    def passes_fast(self, optimizer: Optimizer) -> bool:
        """Whether the kept gradient is new and no dormant parameter has a gradient; if so, count the step."""
        sentinel, log, fast_path = self._sentinel, self._log, self.fast_path
        self.count()
        gradient = fast_path.parameter.grad
        if gradient is None or sentinel.alarmed or sentinel.lost or len(optimizer.param_groups) != self._groups:
            return False
        if (self._dormant and self._any_woke()) or (sentinel.stands and not sentinel.count):
            return False
        self._is_new = fast_path.renew(gradient)
        if not self._is_new:
            return False
        self._counted += 1
        version = version_of(gradient)
        backwards = self._backwards(version)
        if not (self._pauses(optimizer) if version == fast_path.version else self._look_closer()):
            return False
        log.steps += 1
        log.backwards_per_step[backwards] += 1
        sentinel.count = 0
        self._is_new = None
        return True

    def count(self) -> None:
        """Add the steps that bypassed this watch to the log."""
        steps = self.fast_path.steps - self._counted
        if self.sampling and steps:
            self._log.steps += steps
            self._log.trail.add(tuple(self.fast_path.usual), steps, self._log.steps)
            self._log.backwards_per_step[self._usual] += steps  # an estimate: their backward() calls were not counted
            self._counted += steps

    @property
    def _usual(self) -> int:
        """The most common number of backward() calls per step."""
        return self._log.backwards_per_step.most_common(1)[0][0]

    def _backwards(self, version: int) -> int:
        """Number of backward() calls that made the kept gradient, which has this version."""
        if self._sentinel.stands:
            return self._sentinel.count + self._passed_by
        if self._usual == self.fast_path.version + 1:  # only backward() writes to it; each call after the first adds 1
            return version + 1
        return self._usual

    def _pauses(self, optimizer: Optimizer) -> bool:
        """Whether sampling can continue. Checked at the last step of a stretch, whose loss the sentinel has seen."""
        sentinel, fast_path = self._sentinel, self.fast_path
        if fast_path.steps < self._interval - 1:
            return True
        if fast_path.steps == self._interval - 1:
            sentinel.stand()
            return True
        if not same(parameters_of(optimizer), self._all):
            return False
        if self._versions_now() != self._versions:
            return self._look_closer()
        if self._first_loss is None:
            self._first_loss = sentinel.loss
        limit = GROWN * max(SMALLEST_FIRST_LOSS, abs(self._first_loss or 0.0))
        if sentinel.loss is not None and abs(sentinel.loss) <= limit and not self._log.odd_losses:
            sentinel.rest()
        self._begin_stretch(FIRST_SAMPLE if self._interval == LOSSES and not self._sampled else self._interval * 2)
        self._sampled = True
        return True

    def _begin_stretch(self, steps: int) -> None:
        self._interval = min(steps, LAST_SAMPLE)
        self.fast_path.begin_stretch()
        self.fast_path.limit = self._interval - 1  # the last two steps of a stretch must go through passes_fast()
        self._counted = 0

    def _look_closer(self) -> bool:
        """Compare every gradient at every step for a while, because gradient versions have changed."""
        gradients = [parameter.grad for parameter in self._parameters]
        applied = [weakref.ref(gradient) for gradient in gradients if gradient is not None]
        if len(applied) < len(gradients):
            return False
        counts = self._steps_in_place()
        if not counts[self._kept]:  # the kept gradient is new: if it looks old, the loop itself has changed
            self._suspected = counts
        self.sampling, self._until = False, LOSSES
        self._applied, self._sentinel.applied = applied, applied[self._stand]
        self._sentinel.stand()
        return True

    def _new_fast_path(self) -> FastPath:
        parameter = self._parameters[self._kept]
        assert parameter.grad is not None  # it has just been applied
        return FastPath(parameter, parameter.grad, version_of(parameter.grad), self._groups, self._log.trail)

    def _versions_now(self) -> list[int]:
        return [-1 if parameter.grad is None else version_of(parameter.grad) for parameter in self._parameters]

    def _steps_in_place(self) -> list[int]:
        """For each parameter, how many steps, including this one, its gradient seems to have stayed in place; 0 if none.

        A contribution either makes a new gradient of version 0 or raises the version of the existing one by one. So each step
        that does not clear adds the version of a fresh gradient plus one.
        """
        counts = []
        for version, fresh in zip(self._versions_now(), self._versions, strict=True):
            steps, rest = divmod(version - fresh, fresh + 1)
            counts.append(steps if not rest and 0 < steps <= max(self._interval, LOSSES) else 0)
        return counts
