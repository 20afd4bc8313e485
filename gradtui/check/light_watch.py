"""Follows an optimizer whose loop has been seen to clear its gradients: at next to no cost, and back in time if it stops.

A gradient that is another tensor than the one that was applied holds nothing old. So at each step all gradients are
compared with what the step before applied, through weak references, and a sentinel on one parameter looks at the loss of
every backward(), and sounds the alarm inside of the first one that finds an applied gradient in place.

Where a step takes less than a few milliseconds, even that would be felt. Such a loop is let glide: only the gradient of
the sentinel's parameter is compared at each step, and the loss looked at for the first ``LOSSES`` steps; all the rest
follows in samples, of one step each. What happened between them is told by version counters: a gradient that nobody
clears grows older with each step, by one more than the version that a fresh one has.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from operator import attrgetter

from torch import Tensor
from torch.optim import Optimizer

from gradtui.check.gradient_history import GradientHistory
from gradtui.check.lines import Place
from gradtui.check.losses import Loss, is_finite
from gradtui.check.optimizer_log import OptimizerLog
from gradtui.check.sentinel import Follow, Sentinel
from gradtui.check.tensors import parameters_of, same, version_of

SHARE = 0.01
"""Where looking at each gradient and each loss would take a larger share of a step, the loop is let glide."""
_STEP_SECONDS, _PARAMETER_SECONDS = 12e-6, 2.5e-6
"""What that takes, roughly: for a step, and for each of its parameters."""
LOSSES = 32
FIRST_SAMPLE, LAST_SAMPLE = 16, 256
"""Steps from one sample to the next: at first, and at most; each time twice as many."""
GROUPS_CHECKED = 64
"""A new parameter group is seen at once, a changed one after so many steps at most, or with the next sample."""
SMALL = 1 << 16
"""A parameter of at most so many numbers, whose last gradient can be kept."""
GROWN = 1000.0
"""A loss so many times the first one is on its way to infinity: each one is looked at again."""

_gradient_of: Callable[[Tensor], Tensor] = attrgetter("grad")


class LightWatch:
    """``live``: the parameters that get gradients, with their histories; ``applied``: what the last step applied of each;
    ``dormant``: the parameters that get none; ``seconds``: what a step takes."""

    def __init__(
        self,
        live: list[tuple[Tensor, GradientHistory]],
        applied: list[weakref.ref[Tensor]],
        dormant: list[Tensor],
        optimizer: Optimizer,
        log: OptimizerLog,
        seconds: float,
    ) -> None:
        self._live, self._applied, self._dormant, self._log = live, applied, dormant, log
        self._parameters = [parameter for parameter, _ in live]
        self._all, self._groups = parameters_of(optimizer), len(optimizer.param_groups)
        # The sentinel stands where the most backward() calls come by, and come by first; of those, on the smallest.
        self._stand = max(range(len(live)), key=lambda place: _sentinel_rank(*live[place]))
        self._on = self._parameters[self._stand]
        self._sentinel: Sentinel | None = None
        self._last: Tensor | None = None
        """While gliding, the gradient of the sentinel's parameter at the last step."""
        self._until, self._next_sample = 0, FIRST_SAMPLE
        self._first_loss: float | None = None
        self._versions = self._versions_now()

        cost = _STEP_SECONDS + _PARAMETER_SECONDS * len(live)
        self.gliding = cost > SHARE * seconds and self._on.is_cpu and self._on.numel() <= SMALL
        """Whether :meth:`glides` is to be asked at a step, and not :meth:`passes`."""
        self._sampling = False
        self._set_sentinel(alarm=not self.gliding)
        if self.gliding:
            self._glide(LOSSES)

    # Every step

    def passes(self, optimizer: Optimizer) -> bool:
        """Whether this step applies new gradients only; then it is counted."""
        sentinel, log = self._sentinel, self._log
        if sentinel is None or sentinel.alarmed or len(optimizer.param_groups) != self._groups:
            return False
        if (self._sampling or not log.steps % GROUPS_CHECKED) and not same(parameters_of(optimizer), self._all):
            return False
        for ref in self._applied:
            if ref() is not None and any(self._in_place()):
                return False
        for parameter in self._dormant:
            if parameter.grad is not None:
                return False
        try:
            applied = list(map(weakref.ref, map(_gradient_of, self._parameters)))
        except TypeError:  # one has no gradient, and there is no weak reference to None
            return False
        self._applied = applied
        sentinel.applied = applied[self._stand]
        log.steps += 1
        log.backwards_per_step[sentinel.backwards] += 1
        sentinel.backwards = 0
        if self._sampling:
            self._end_sample(sentinel)
        return True

    def _in_place(self) -> list[bool]:
        """For each parameter, whether the tensor that was applied still is its gradient, and not just kept by somebody."""
        both = zip(self._parameters, self._applied, strict=True)
        return [(applied := ref()) is not None and parameter.grad is applied for parameter, ref in both]

    # Gliding

    def glides(self, optimizer: Optimizer) -> bool:
        """Whether the sentinel's parameter has a new gradient, and the dormant ones have none; then the step is counted."""
        gradient = self._on.grad
        if gradient is None or gradient is self._last or len(optimizer.param_groups) != self._groups:
            return False
        if self._dormant:
            for parameter in self._dormant:
                if parameter.grad is not None:
                    return False
        self._last = gradient
        self._log.steps += 1
        self._until -= 1
        return self._until > 0 or self._pause()

    def _glide(self, steps: int) -> None:
        self._last, self._until, self.gliding, self._sampling = self._on.grad, steps, True, False

    def _pause(self) -> bool:
        """Gliding comes to its end: the next step is a sample, or the losses have been looked at for long enough."""
        sentinel = self._sentinel
        if sentinel is not None:
            self._log.backwards_per_step[sentinel.backwards // LOSSES] += LOSSES
            self._first_loss = sentinel.value
            self._remove_sentinel()
            self._glide(FIRST_SAMPLE)
            return True
        gradients = [parameter.grad for parameter in self._parameters]
        applied = [weakref.ref(gradient) for gradient in gradients if gradient is not None]
        if len(applied) < len(gradients):
            self._log.steps -= 1
            return False
        self._applied, self.gliding, self._sampling = applied, False, True
        self._set_sentinel(alarm=True)
        return True

    def _end_sample(self, sentinel: Sentinel) -> None:
        self._versions = self._versions_now()
        value, first = sentinel.value, self._first_loss
        if value is None or first is None or abs(value) > GROWN * max(1.0, abs(first)) or self._log.not_finite:
            self._sampling = False  # from now on each step counts
            return
        self._remove_sentinel()
        self._next_sample = min(self._next_sample * 2, LAST_SAMPLE)
        self._glide(self._next_sample)

    def _versions_now(self) -> list[int]:
        return [-1 if parameter.grad is None else version_of(parameter.grad) for parameter in self._parameters]

    # Back to watching closely

    def leave(self) -> int:
        """Take the sentinel away, and let the histories follow on; how many backward() calls were only counted."""
        sentinel = self._sentinel
        if sentinel is None or not sentinel.alarmed:
            self._resume()
            if self.gliding or self._sampling:
                self._account_for_what_was_not_watched()
        self._remove_sentinel()
        self._live[self._stand][1].unhook()
        return sentinel.backwards if sentinel is not None else 0

    def _resume(self) -> None:
        for place, (parameter, history) in enumerate(self._live):
            gradient = parameter.grad
            if not self.gliding:
                history.resume(self._applied[place])
            elif gradient is not None:
                history.resume(weakref.ref(gradient) if gradient is self._last or parameter is not self._on else None)

    def _account_for_what_was_not_watched(self) -> None:
        """A gradient was found in place, where not all were looked at. Since when is it? Its version tells."""
        found = [parameter.grad is not None for parameter in self._parameters] if self.gliding else self._in_place()
        unseen = self._next_sample
        counts = []
        for in_place, version, fresh in zip(found, self._versions_now(), self._versions, strict=True):
            steps, rest = divmod(version - fresh, fresh + 1)
            counts.append(steps if in_place and not rest and 0 < steps <= unseen else 0)
        if self.gliding and counts[self._stand] != 1:
            return  # its gradient was new one step ago: so this one was written to in another way, as by zero_()
        if any(counts):
            for count, (_, history) in zip(counts, self._live, strict=True):
                if count:
                    history.was_stale(before=count - 1)
            self._log.was_stale(before=max(counts) - 1)

    # The sentinel

    def _set_sentinel(self, alarm: bool) -> None:
        me = weakref.ref(self)  # the parameter holds the sentinel; a circle would keep a dropped model in memory

        def not_cleared() -> Follow:
            watch = me()
            return watch.alarm() if watch is not None else _do_nothing

        def odd_loss(loss: Loss, place: Place | None) -> None:
            watch = me()
            if watch is not None:
                watch.note_loss(loss, place)

        self._sentinel = Sentinel(self._on, self._applied[self._stand] if alarm else None, not_cleared, odd_loss)

    def _remove_sentinel(self) -> None:
        if self._sentinel is not None:
            self._sentinel.remove()
            self._sentinel = None

    def alarm(self) -> Follow:
        """Inside a backward() that found an applied gradient in place, and has not added to any other: follow closely."""
        self._resume()
        for place, (parameter, history) in enumerate(self._live):
            history.hook(parameter, before=place != self._stand)
        return self._live[self._stand][1].before_contribution

    def note_loss(self, loss: Loss, place: Place | None) -> None:
        """A loss that may not be finite. Where those before it were not looked at, that is noted."""
        if self._sampling and loss.value is not None and not is_finite(loss.value) and not self._log.not_finite:
            self._log.not_finite_unseen = self._next_sample
        self._log.note_loss(loss, place)

    def stop(self) -> None:
        """Take the hook off."""
        self._remove_sentinel()


def _sentinel_rank(parameter: Tensor, history: GradientHistory) -> tuple[int, int, int]:
    return history.total, history.first_fires, -parameter.numel()


def _do_nothing(frame: object) -> None:
    pass
