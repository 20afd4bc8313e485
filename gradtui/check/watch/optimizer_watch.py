"""Follows one optimizer from step to step, closely or lightly.

Closely: two hooks on each parameter report every contribution. Lightly (gradtui.check.watch.light_watch): used once every
gradient has been a new tensor for several steps in a row.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from types import FrameType

from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from gradtui.check.judgements import Applied
from gradtui.check.torch.backwards import in_backward, running_frames
from gradtui.check.torch.parameters import Parameters, name_of
from gradtui.check.watch.frozen import FrozenParameters
from gradtui.check.watch.gradient_history import GradientHistory
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.light_watch import LightWatch
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.sharded_history import ShardedHistory
from gradtui.check.watch.tensors import drop_empty_hooks
from gradtui.check.watch.watched_parameters import WatchedParameters
from gradtui.check.windows import CLEAR, CLEAR_PART, WRITES

CLOSE_STEPS = 3
"""After this many steps in a row with only new gradients, watch lightly. The number doubles with each alarm."""
MOST_CLOSE_STEPS = 1024
"""The number does not grow beyond this."""
WRAPPED_SHARE = 9, 10
"""An optimizer wraps another one if that one steps inside more than this share of its steps: not always, as the outer one may
skip a step, say, because its gradients are not finite."""
LOOKED_AT = 64
"""Inspect externally modified gradients every ``LOOKED_AT`` steps."""


class OptimizerWatch(WatchedParameters):
    """One optimizer, as the watcher's hooks see it."""

    def __init__(self, optimizer: Optimizer, log: OptimizerLog, registry: Parameters) -> None:
        super().__init__(log, registry)
        self.class_name = type(optimizer).__name__
        self.key = id(optimizer)
        self.variable = ""
        """The variable that holds it, where it steps."""
        self.light: LightWatch | None = None
        self.gone = False
        """The optimizer no longer exists."""
        self.predecessor: OptimizerWatch | None = None
        """The optimizer that stepped some of these parameters before, and is gone."""
        self.scheduler_steps = 0
        self.frozen = FrozenParameters()
        log.trail.gives_up_on_purpose = self._gives_up_on_purpose
        self._unproven_wipes = 0
        self._suspected: dict[GradientHistory, int] = {}
        self._suspected_at = 0
        self._alarmed_by: GradientHistory | None = None
        self.close_steps = 0
        """Number of steps in which another optimizer's step would be noticed."""
        self.wrapping_at: set[int] = set()
        """The steps inside which another optimizer stepped the same parameters."""
        self.nested = False
        """It has stepped inside the step of such an optimizer."""
        self.post_hook: RemovableHandle | None = None
        self._results: list[Applied] = []
        self._backwards = 0
        self._closure = self.has_closure = False
        self._seconds, self._began = math.inf, 0.0
        """The shortest time between two steps: one that was followed closely, or held up, takes longer."""
        self._in_a_row, self._needed = 0, CLOSE_STEPS
        self._exchanged = False
        """The script has replaced a gradient that backward() left with another tensor."""
        self._unnoted = 0
        """Number of backward() calls in this interval that were only counted."""

    def release(self) -> None:
        """Release the parameters of an optimizer that is gone."""
        self.log.closed = self.gone = True
        self._all.clear()
        self._parameters.clear()
        if self.light is not None:
            self.light.end()
        self.light = None

    def leave_nothing(self) -> None:
        """Remove the hooks for good, with what they cost after they are removed."""
        self.stop()
        for parameter in () if any(map(in_backward, running_frames())) else self._all:
            drop_empty_hooks(parameter)

    def stop(self) -> None:
        """Remove the hooks."""
        self.log.finder.stop()
        if self.light is not None:
            self.light.stop()
        if self.post_hook is not None:
            self.post_hook.remove()
            self.post_hook = None
        for history in self.histories:
            history.unhook()

    def give_up(self, *arguments: object) -> None:
        """Stop watching this optimizer, but keep counting its steps. Everything found so far stays.

        The hooks stay too, until the next step removes them: torch may be iterating over them right now.
        """
        self.log.lost_at, self.log.closed, self.log.step_frame = self.log.steps, True, None
        self.log.interval.clear()
        self.log.trail.give_up()
        for history in self.histories:
            history.lost = history.lost or self.log.lost
        self.light = None

    @guarded
    def finish(self) -> None:
        """Log what is not logged yet, because the script has ended."""
        if self.light is not None:
            self.light.end()
            if self.light.lost:
                self.lost = self.light.lost
                self.give_up()
        self.log.closed = True
        self.log.finder.stop()

    @property
    def wraps(self) -> bool:
        """Whether another optimizer steps the same parameters inside nearly all of this one's steps."""
        share, of = WRAPPED_SHARE
        return len(self.wrapping_at) * of > self.close_steps * share

    def holders(self) -> Iterator[object]:
        """What has weak references to tensors among its values."""
        yield from self.histories
        yield from self.dropped.values()
        yield self.log.finder
        if self.light is not None:
            yield from self.light.holders()

    # Closely

    def before_step(self, optimizer: Optimizer, frame: FrameType, closure: bool) -> None:
        """Prepare for the optimizer's step, which runs in ``frame``; ``closure``: the step was given a closure."""
        if self.light is not None:
            self._leave_light(self.light)
        self.log.step_begins(frame)
        if self.lost:
            return
        self._regroup(optimizer, frame)
        self.variable = self.variable or name_of(optimizer, frame)
        self._drop_lost()
        if self.lost:
            return
        self._closure = closure
        self.has_closure |= closure
        now = time.perf_counter()
        self._seconds, self._began = min(self._seconds, now - self._began), now
        if closure:
            self.log.step_frame = frame  # the gradients are computed inside the step
            for history, parameter in self._watched:
                history.hook(parameter)
                history.hook_after()
        else:
            self._judge()
        self.frozen.before_step(self._watched)

    def after_step(self, optimizer: Optimizer) -> None:
        """Record a finished step."""
        if self._closure:
            self._drop_lost()
            self._judge()
            self.log.step_frame = None
        if self.lost:
            return
        self.log.shards.forget()
        self.frozen.after_step()
        for history, parameter in self._watched:
            history.settle()
            history.hook(parameter)  # does nothing if it is already hooked, or frozen
        self._drop_lost()
        self.log.interval.clear()
        self._unnoted = 0
        if self._in_a_row >= self._needed:
            self._go_light(optimizer)
        elif self.log.traces_clearing and not self.log.cleared_at:
            self._trace_clearing()

    def _drop_lost(self) -> None:
        super()._drop_lost()
        self._suspected = {history: steps for history, steps in self._suspected.items() if not history.lost}

    def _judge(self) -> None:
        """Judge what the step applies; after a step with a closure, what it has applied."""
        log, histories = self.log, self.histories
        self._backwards = backwards = len(log.interval) + self._unnoted
        self._exchanged |= any(history.exchanged for history in histories)
        replaced = all(history.replaced for history in histories)
        self._note_writing()
        unseen = log.steps == 1 and any(isinstance(history, ShardedHistory) and history.unseen for history in histories)
        judged = [(history, history.judge()) for history in histories]
        self._drop_lost()
        histories = self.histories
        self._results = results = [result for history, result in judged if result is not None and not history.lost]
        if self.lost:
            return
        self._doubt_after_alarm()
        for history, result in zip(histories, results, strict=True):
            history.stale_steps += result in (Applied.STALE, Applied.UNCHANGED)
        stale = Applied.STALE in results or Applied.UNCHANGED in results
        # An unwatched parameter may have received gradients that these did not.
        bare = not stale and not self.dropped and not unseen
        wiped = bare and backwards > 0 and self._is_wiped()
        empty = bare and backwards == 0 and self._is_empty()

        if backwards or not unseen:
            log.backwards_per_step[backwards] += 1
        log.wiped_steps += wiped + (self._unproven_wipes if wiped else 0)
        self._unproven_wipes = 0 if wiped else self._unproven_wipes
        log.piled_steps += any(history.piled for history in histories)
        if stale:
            log.stale_steps += 1
            log.first_stale = log.first_stale or log.steps
            log.unchanged_steps += backwards == 0
        if empty:
            log.empty_steps.append(log.steps)
        if self._suspected and log.steps > self._suspected_at:
            self._settle_suspicion()
        ordinary = backwards > 0 and not (stale or wiped or self._closure)
        self._in_a_row = self._in_a_row + 1 if ordinary and replaced and self._all_are_plain() else 0

    def _doubt_after_alarm(self) -> None:
        """After a false alarm, downgrade stale gradients to suspects: they may have been added to before the alarm."""
        by, self._alarmed_by = self._alarmed_by, None
        if by is None or by.lost or self._results[self.histories.index(by)] is Applied.STALE:
            return
        for place, history in enumerate(self.histories):
            if self._results[place] is Applied.STALE:
                self._results[place] = Applied.FRESH
                self._suspected[history] = self._suspected.get(history, 0) + 1

    def _settle_suspicion(self) -> None:
        """Settle suspicions from steps that were not watched closely: a suspect that is stale now was stale then."""
        stale = (Applied.STALE, Applied.UNCHANGED)
        now = {history for history, result in zip(self.histories, self._results, strict=True) if result in stale}
        counts = {history: steps for history, steps in self._suspected.items() if history in now}
        self._suspected = {}
        if counts:
            for history, steps in counts.items():
                history.stale_steps += steps
            most = max(counts.values())
            self.log.stale_steps += most
            self.log.first_stale = min(self.log.first_stale or self.log.steps, self.log.steps - most)

    def _is_wiped(self) -> bool:
        """Whether a backward() made gradients and none of them is left."""
        with_gradient = self._with_gradient()
        fed = [(history, gradient) for history, gradient in with_gradient if history.contributions]
        if not fed:
            return not with_gradient
        if not all(history.written_since for history, _ in fed):
            return False
        if not self.log.kinds_since_backward() & {CLEAR, CLEAR_PART}:
            # Clipping and the like write to gradients too, and these may have been zeros from the start.
            proof = [history.was_nonzero for history, _ in fed]
            if not any(each for each in proof):
                for history, _ in fed:
                    history.prove()
                self._unproven_wipes += all(history.is_zero(gradient) for history, gradient in with_gradient)
                return False
        # Clipping writes to gradients as well. Reading their values waits for the device, so check only now and then,
        # until they turn out to be zeros.
        log = self.log
        if log.steps > CLOSE_STEPS and log.steps % LOOKED_AT and not log.wiped_steps:
            return False
        return all(history.is_zero(gradient) for history, gradient in with_gradient)

    def _note_writing(self) -> None:
        """Note in the ledger if the script has written to the gradients after the last backward()."""
        fed = [history for history in self.histories if history.contributions and history.first_fires]
        if not fed or self.log.in_step:
            return
        leading = max(fed, key=lambda history: history.first_fires)
        if leading.exchanged or (leading.written_since and not self.log.kinds_since_backward() & WRITES):
            self.log.written(cleared=False)

    def _gives_up_on_purpose(self) -> bool:
        """Whether unused gradients are cleared for a reason: they are not finite, or the script has applied them itself."""
        for history, parameter in self._watched:
            if parameter.grad is not None and (history.changed_since_backward(parameter) or history.is_not_finite(parameter)):
                return True
        return False

    def _is_empty(self) -> bool:
        """Whether there is nothing to apply: no gradients, or only zeros."""
        return all(history.is_zero(gradient) for history, gradient in self._with_gradient())

    def _all_are_plain(self) -> bool:
        """Whether backward() made every gradient, and none is part of a new graph."""
        return all(history.contributions and not gradient.requires_grad for history, gradient in self._with_gradient())

    def _trace_clearing(self) -> None:
        for history, parameter in self._watched:
            if history.was_cleared and parameter.grad is not None:
                self.log.finder.start(parameter, parameter.grad, history.found_clearing)
                return

    # Lightly

    def _go_light(self, optimizer: Optimizer) -> None:
        pairs = list(zip(self._parameters, self.histories, self._results, strict=True))
        live = [(parameter, history) for parameter, history, result in pairs if result is not Applied.NOTHING]
        dormant = [parameter for parameter, _, result in pairs if result is Applied.NOTHING]
        refs = [history.applied for _, history in live if history.applied is not None]
        if not live or len(refs) < len(live):
            return  # the step itself clears: nothing to compare with
        if any(isinstance(history, ShardedHistory) for _, history in live):
            return  # a sentinel does not see what FSDP2 does
        for history in self.histories:
            history.unhook()
        self.light = LightWatch(live, refs, dormant, optimizer, self.log, self._seconds, self._exchanged, self._backwards)

    def _leave_light(self, light: LightWatch) -> None:
        if light.lost:
            self.lost = light.lost
            self.give_up()
            return
        self._unnoted = light.leave()
        self._suspected = light.suspects()
        self._suspected_at = self.log.steps + 1
        self._alarmed_by = light.alarmed_by
        self.light = None
        self._in_a_row, self._needed = 0, min(self._needed * 2, MOST_CLOSE_STEPS)
