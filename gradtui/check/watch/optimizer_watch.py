"""Follows one optimizer from step to step, closely or lightly.

Closely: two hooks on each parameter report every contribution. Lightly (gradtui.check.watch.light_watch): used once every
gradient has been a new tensor for several steps in a row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import FrameType

from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from gradtui.check.judgements import Applied
from gradtui.check.torch.backwards import in_backward, running_frames
from gradtui.check.torch.optimizer_steps import parameters_of, share_a_tensor
from gradtui.check.torch.parameters import Parameters, variables
from gradtui.check.watch.gradient_history import GradientHistory
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.light_watch import LightWatch
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.sharded_history import ShardedHistory, history_of
from gradtui.check.watch.tensors import drop_empty_hooks, same

CLOSE_STEPS = 3
"""After this many steps in a row with only new gradients, watch lightly. The number doubles with each alarm."""
LOOKED_AT = 64
"""Inspect externally modified gradients every ``LOOKED_AT`` steps."""


class OptimizerWatch:
    """One optimizer, as the watcher's hooks see it."""

    def __init__(self, optimizer: Optimizer, log: OptimizerLog, registry: Parameters) -> None:
        self.class_name = type(optimizer).__name__
        self.log = log
        self.histories: list[GradientHistory] = []
        """Of all watched parameters, in the order of the parameter groups."""
        self.dropped: dict[int, GradientHistory] = {}
        """Histories of parameters whose gradients cannot be watched, by the parameter's id."""
        self.light: LightWatch | None = None
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
        self._registry = registry
        self._all: list[Tensor] = []
        self._parameters: list[Tensor] = []
        """The watched parameters."""
        self._results: list[Applied] = []
        self._backwards = 0
        self._closure = False
        self._seconds = self._began = 0.0
        self._in_a_row, self._needed = 0, CLOSE_STEPS
        self._exchanged = False
        """The script has replaced a gradient that backward() left with another tensor."""
        self._unnoted = 0
        """Number of backward() calls in this interval that were only counted."""

    def release(self) -> None:
        """Release the parameters of an optimizer that is gone."""
        self.log.closed = True
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

    @property
    def lost(self) -> str:
        """Why watching stopped; empty while it continues."""
        return self.log.lost

    @lost.setter
    def lost(self, reason: str) -> None:
        self.log.lost = reason

    def give_up(self, *arguments: object) -> None:
        """Stop watching this optimizer, but keep counting its steps. Everything found so far stays.

        The hooks stay too, until the next step removes them: torch may be iterating over them right now.
        """
        self.log.lost_at, self.log.closed, self.log.step_frame = self.log.steps, True, None
        self.log.interval.clear()
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
    def not_watched(self) -> list[str]:
        """What could not be watched, each with the reason."""
        notes = [history.not_watched for history in self.dropped.values()]
        if self.lost and (self.histories or not self.dropped):
            notes.append(f"from step {max(1, self.log.lost_at):,} on: {self.lost}")
        if self.log.loss_lost:
            notes.append(f"the loss: {self.log.loss_lost}")
        # These gradients were applied by a step, but no torch hook has reported how they were made.
        never_told = [each.name for each in self.histories if isinstance(each, ShardedHistory) and each.came_unseen]
        notes += [f"{name} (DTensor): no hook tells when its gradient is made" for name in never_told if self.log.steps > 1]
        return notes

    @property
    def group_sizes(self) -> list[int]:
        """Number of watched parameters in each group."""
        groups = [history.group for history in self.histories]
        return [groups.count(group) for group in range(max(groups, default=-1) + 1)]

    @property
    def wraps(self) -> bool:
        """Whether another optimizer steps the same parameters inside nearly all of this one's steps."""
        return len(self.wrapping_at) * 10 > self.close_steps * 9

    def holders(self) -> Iterator[object]:
        """What has weak references to tensors among its values."""
        yield from self.histories
        yield from self.dropped.values()
        yield self.log.finder
        if self.light is not None:
            yield from self.light.holders()

    def shares_parameters(self, other: Optimizer) -> bool:
        return share_a_tensor(self._all, parameters_of(other))

    # Closely

    def before_step(self, optimizer: Optimizer, frame: FrameType, closure: bool) -> None:
        """Prepare for the optimizer's step, which runs in ``frame``; ``closure``: the step was given a closure."""
        if self.light is not None:
            self._leave_light(self.light)
        self.log.step_begins(frame)
        if self.lost:
            return
        self._regroup(optimizer, frame)
        self._drop_lost()
        if self.lost:
            return
        self._closure = closure
        now = time.perf_counter()
        self._seconds, self._began = now - self._began, now
        if closure:
            self.log.step_frame = frame  # the gradients are computed inside the step
            for history, parameter in zip(self.histories, self._parameters, strict=True):
                history.hook(parameter)
                history.hook_after()
        else:
            self._judge()

    def after_step(self, optimizer: Optimizer) -> None:
        """Record a finished step."""
        if self._closure:
            self._drop_lost()
            self._judge()
            self.log.step_frame = None
        if self.lost:
            return
        self.log.shards.forget()
        for history, parameter in zip(self.histories, self._parameters, strict=True):
            history.settle()
            history.hook(parameter)  # does nothing if it is already hooked, or frozen
        self._drop_lost()
        self.log.interval.clear()
        self._unnoted = 0
        if self._in_a_row >= self._needed:
            self._go_light(optimizer)
        elif self.log.traces_clearing and not self.log.cleared_at:
            self._trace_clearing()

    def _regroup(self, optimizer: Optimizer, frame: FrameType) -> None:
        """Pick up new parameters, and look up their names in the frames that called ``frame``."""
        parameters = parameters_of(optimizer)
        if same(parameters, self._all):
            return
        known = {id(parameter): history for parameter, history in zip(self._parameters, self.histories, strict=True)}
        names = variables(frame, Tensor) | (self._registry.names(frame) or {})
        sizes = [len(group["params"]) for group in optimizer.param_groups]
        places = [(group, place) for group, size in enumerate(sizes) for place in range(size)]
        self._all, self._parameters, self.histories = parameters, [], []
        for parameter, (group, place) in zip(parameters, places, strict=True):
            if id(parameter) in self.dropped:
                continue
            history = known.pop(id(parameter), None)
            if history is None:
                name = names.get(id(parameter), f"parameter {place} of group {group}")
                history = history_of(parameter, name, group, self.log)
                self._adopt(parameter, history)
            history.group = group
            self.histories.append(history)
            self._parameters.append(parameter)
        for history in known.values():
            history.unhook()

    def _drop_lost(self) -> None:
        """Stop watching the parameters whose gradients cannot be watched."""
        if not any(history.lost for history in self.histories):
            return
        both = list(zip(self.histories, self._parameters, strict=True))
        for history, parameter in both:
            if history.lost:
                self.dropped[id(parameter)] = history
                history.note_kind(parameter)
                history.unhook()
        self._parameters = [parameter for history, parameter in both if not history.lost]
        self._suspected = {history: steps for history, steps in self._suspected.items() if not history.lost}
        self.histories = [history for history, _ in both if not history.lost]
        if not self.histories:
            self.lost = "none of its gradients can be looked at"
            self.give_up()

    def _adopt(self, parameter: Tensor, history: GradientHistory) -> None:
        before = self._registry.claim(parameter)
        history.contributions = history.total = len(before)
        if self.log.steps == 1:  # before the first step, all of them belong to this interval
            for backward in before:
                if backward not in self.log.interval:
                    self.log.note(backward, step=1)

    def _judge(self) -> None:
        """Judge what the step applies; after a step with a closure, what it has applied."""
        log, histories = self.log, self.histories
        self._backwards = backwards = len(log.interval) + self._unnoted
        self._exchanged |= any(history.exchanged for history in histories)
        replaced = all(history.replaced for history in histories)
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
        log.wiped_steps += wiped
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

    def _with_gradient(self) -> list[tuple[GradientHistory, Tensor]]:
        """The watched parameters that have a gradient for the step to apply, and that gradient."""
        both = zip(self.histories, self._parameters, strict=True)
        return [(history, parameter.grad) for history, parameter in both if parameter.grad is not None]

    def _is_wiped(self) -> bool:
        """Whether a backward() made gradients and none of them is left."""
        with_gradient = self._with_gradient()
        fed = [(history, gradient) for history, gradient in with_gradient if history.contributions]
        if not fed:
            return not with_gradient
        if not all(history.written_since for history, _ in fed):
            return False
        # Clipping writes to gradients as well. Reading their values waits for the device, so check only now and then,
        # until they turn out to be zeros.
        log = self.log
        if log.steps > CLOSE_STEPS and log.steps % LOOKED_AT and not log.wiped_steps:
            return False
        return all(history.is_zero(gradient) for history, gradient in with_gradient)

    def _is_empty(self) -> bool:
        """Whether there is nothing to apply: no gradients, or only zeros."""
        return all(history.is_zero(gradient) for history, gradient in self._with_gradient())

    def _all_are_plain(self) -> bool:
        """Whether backward() made every gradient, and none is part of a new graph."""
        return all(history.contributions and not gradient.requires_grad for history, gradient in self._with_gradient())

    def _trace_clearing(self) -> None:
        for history, parameter in zip(self.histories, self._parameters, strict=True):
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
        self._in_a_row, self._needed = 0, min(self._needed * 2, 1024)
