"""Follows an optimizer whose loop clears its gradients, at almost no cost, and notices in time if it stops clearing.

A gradient that is not the tensor that the last step applied contains nothing stale. So each step compares every gradient with
the one that the previous step applied, through weak references. A sentinel on one parameter looks at the loss of every
backward() and raises the alarm inside the first one that finds an applied gradient still in place.

If a step takes less than a few milliseconds, even that overhead is noticeable. Such a loop is only sampled
(gradtui.check.watch.sampled_watch).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from operator import attrgetter

from torch import Tensor
from torch.optim import Optimizer

from gradtui.check.source_lines import Place
from gradtui.check.torch.loss_values import Loss, is_finite
from gradtui.check.torch.optimizer_steps import parameters_of
from gradtui.check.watch.fast_path import LARGEST
from gradtui.check.watch.gradient_history import GradientHistory
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.sampled_watch import FIRST_SAMPLE, LOSSES, SampledWatch
from gradtui.check.watch.sentinel import Follow, Sentinel
from gradtui.check.watch.tensors import PLAIN, same, version_of

SHARE = 0.01
"""A loop is only sampled if checking every gradient and every loss would take a larger share of a step than this."""
_STEP_SECONDS, _PARAMETER_SECONDS = 12e-6, 2.5e-6
"""Approximate cost of those checks, in seconds: per step, and per parameter."""
GROUPS_CHECKED = 64
"""A new parameter group is noticed at once, a changed one within this many steps or at the next sample."""

_gradient_of: Callable[[Tensor], Tensor] = attrgetter("grad")


class LightWatch(SampledWatch):
    """Watches one optimizer lightly. ``live``: the parameters that get gradients, with their histories; ``applied``: the
    gradient of each that the last step applied; ``dormant``: the parameters that get no gradient; ``seconds``: duration of a
    step; ``exchanged``: the script replaces the gradients that backward() leaves with other tensors; ``backwards``: number
    of backward() calls for the last step."""

    def __init__(
        self,
        live: list[tuple[Tensor, GradientHistory]],
        applied: list[weakref.ref[Tensor]],
        dormant: list[Tensor],
        optimizer: Optimizer,
        log: OptimizerLog,
        seconds: float,
        exchanged: bool,
        backwards: int,
    ) -> None:
        super().__init__(live, applied, dormant, optimizer, log, backwards)
        cost = _STEP_SECONDS + _PARAMETER_SECONDS * len(live)
        sets_to_none = all(history.began_at_none for _, history in live)
        kept = self.fast_path.parameter
        small = kept.is_cpu and kept.numel() <= LARGEST and type(kept) in PLAIN
        dense = type(self.fast_path.kept[0]) is Tensor and not self.fast_path.kept[0].is_sparse
        self.sampling = sets_to_none and not exchanged and cost > SHARE * seconds and small and dense
        self._begin_stretch(LOSSES)
        if not self.sampling:
            self._sentinel.applied = applied[self._stand]

    @property
    def lost(self) -> str:
        """Why watching stopped; empty while it continues."""
        return self._sentinel.lost

    def holders(self) -> list[object]:
        """What has weak references to tensors among its values."""
        return [self._applied, self._sentinel]

    # Every step

    def learn_reach(self) -> None:
        """Tell the ledger which of the backward() calls that it does not know yet reach the parameters."""
        trail, sentinel = self._log.trail, self._sentinel
        if trail == trail.usual:
            return
        if sentinel.stands:
            if len(trail.since_clearing()) == sum(code < 0 for code in trail):  # it counts since the last step
                trail.learn(sentinel.count)
        elif self.sampling and self.fast_path.parameter.grad is not None:
            # Each contribution after the first adds one to the version; what else writes to the gradient does so as usual.
            extra = version_of(self.fast_path.parameter.grad) - self.fast_path.version
            trail.learn(trail.usual_backwards() + extra)

    def passes(self, optimizer: Optimizer) -> bool:
        """Whether this step applies only new gradients; if so, count it."""
        sentinel, log = self._sentinel, self._log
        if sentinel.alarmed or sentinel.lost or len(optimizer.param_groups) != self._groups:
            return False
        if not log.steps % GROUPS_CHECKED and not same(parameters_of(optimizer), self._all):
            return False
        for ref in self._applied:
            if ref() is not None and any(self._in_place()):
                return False
        if self._dormant and self._any_woke():
            return False
        try:
            applied = list(map(weakref.ref, map(_gradient_of, self._parameters)))
        except TypeError:  # a parameter has no gradient, and None has no weak references
            return False
        self._applied = applied
        sentinel.applied = applied[self._stand]
        log.steps += 1
        log.backwards_per_step[sentinel.count + self._passed_by] += 1
        sentinel.count = 0
        if self._until:
            self._until -= 1
            if not self._until:  # enough steps have been checked: sample again
                self._versions, self._suspected = self._versions_now(), [0] * len(self._live)
                self.fast_path = self._new_fast_path()
                self._begin_stretch(FIRST_SAMPLE)
                sentinel.applied, self.sampling = None, True
        return True

    def _in_place(self) -> list[bool]:
        """For each parameter, whether the applied tensor is still its gradient, and not just kept alive elsewhere."""
        both = zip(self._parameters, self._applied, strict=True)
        return [(applied := ref()) is not None and parameter.grad is applied for parameter, ref in both]

    # Back to close watching

    def leave(self) -> int:
        """Remove the sentinel and let the histories take over. Return how many backward() calls were only counted."""
        sentinel = self._sentinel
        self.end()
        counted = sentinel.stands
        sentinel.rest()
        self._live[self._stand][1].unhook()
        if sentinel.alarmed:
            return 0
        gradient = self.fast_path.parameter.grad
        if self.sampling and not counted:
            if gradient is None or self._is_new or (self._is_new is None and self.fast_path.renew(gradient)):
                return 0 if gradient is None else self._backwards(version_of(gradient))
            if version_of(gradient) != self.fast_path.version:
                return self._leave_in_place()
            sentinel.count = 0
        if not sentinel.count and self._stands_on_applied():
            # No backward() has reached the sentinel's parameter: it still holds the applied gradient, and so do all others.
            for parameter, history in self._live:
                if parameter.grad is not None:
                    history.resume(weakref.ref(parameter.grad), version_of(parameter.grad))
        elif self.sampling:
            # The gradients were cleared: a tensor that is back was put back, as DistributedDataParallel does.
            for parameter, history in self._live:
                if parameter.grad is not None:
                    history.resume(weakref.ref(parameter.grad))
        else:
            for (_, history), applied in zip(self._live, self._applied, strict=True):
                history.resume(applied)
            both = zip(self._suspected, self._in_place(), strict=True)
            self._suspected = [steps + 1 if in_place else 0 for steps, in_place in both]
        return sentinel.count

    def _leave_in_place(self) -> int:
        """Leave while the applied gradient is still in place and something has written to it."""
        both = zip(self._versions_now(), self._versions, strict=True)
        # The version grew by exactly one step's contributions: by all of them, or by those that make a fresh gradient.
        stale = [version - fresh in (self._usual, fresh + 1) for version, fresh in both]
        if stale[self._kept]:
            counts = self._steps_in_place()
            self._suspected = [steps if steps > 1 and not known else 0 for steps, known in zip(counts, stale, strict=True)]
        for (parameter, history), known in zip(self._live, stale, strict=True):
            if known and stale[self._kept]:
                history.taint()
            elif parameter.grad is not None:
                history.resume(weakref.ref(parameter.grad))
        return self._usual

    def end(self) -> None:
        """Log what is not logged yet, because close watching takes over or the script has ended."""
        self.count()
        since = self.fast_path.since_not_finite() if self.sampling else 0
        if since:
            self._log.note_not_finite(range(self._log.steps - since + 1, self._log.steps + 1))

    def _stands_on_applied(self) -> bool:
        gradient = self._parameters[self._stand].grad
        return gradient is not None and (self.sampling or self._applied[self._stand]() is gradient)

    @property
    def alarmed_by(self) -> GradientHistory | None:
        """History of the parameter whose sentinel raised the alarm; None without an alarm."""
        return self._live[self._stand][1] if self._sentinel.alarmed else None

    def suspects(self) -> dict[GradientHistory, int]:
        """For each suspect, how many steps, including this one, its gradient may have stayed in place unnoticed."""
        both = zip(self._suspected, self._live, strict=True)
        return {history: steps for steps, (_, history) in both if steps}

    # The sentinel

    def _set_sentinel(self) -> Sentinel:
        me = weakref.ref(self)  # the parameter holds the sentinel; a reference cycle would keep a dropped model in memory

        def not_cleared() -> Follow:
            watch = me()
            return watch.alarm() if watch is not None else _do_nothing

        def odd_loss(loss: Loss, place: Place | None) -> None:
            watch = me()
            if watch is not None:
                watch.note_loss(loss, place)

        return Sentinel(self._parameters[self._stand], not_cleared, odd_loss)

    def alarm(self) -> Follow:
        """Switch to close watching inside a backward() that found an applied gradient and has not added to any other."""
        self.count()
        for place, (parameter, history) in enumerate(self._live):
            if not self.sampling:
                history.resume(self._applied[place])
            elif parameter.grad is not None:
                history.resume(weakref.ref(parameter.grad))
            history.hook_after()
            if place != self._stand:
                history.hook(parameter)
        return self._live[self._stand][1].before_contribution

    def note_loss(self, loss: Loss, place: Place | None) -> None:
        """Log a loss that may not be finite, and how many losses before it were not looked at."""
        self.count()
        if self.sampling and self._sampled and loss.value is not None and not is_finite(loss.value):
            since, unsure = self.fast_path.since_not_finite(), self.fast_path.unsure()
            if not self._log.odd_losses:
                self._log.odd_losses.unseen = unsure
            self._log.note_not_finite(range(self._log.steps - since + 1, self._log.steps + 1))
        self._log.note_loss(loss, place, self._log.backward_number)

    def stop(self) -> None:
        """Remove the hook."""
        self._sentinel.rest()


def _do_nothing(frame: object) -> None:
    pass
