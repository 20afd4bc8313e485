"""Watches a process train: finds its optimizers as they step, and counts the steps.

It exists only once torch is imported: :meth:`Watcher.start` sets torch's global hooks, and everything else starts from a step.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from torch.nn.modules.module import register_module_module_registration_hook, register_module_parameter_registration_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from gradtui.check.facts import Facts
from gradtui.check.source_lines import frame_here
from gradtui.check.torch.backwards import Backwards
from gradtui.check.torch.loss_values import LossesOnDevice
from gradtui.check.torch.optimizer_steps import OpenSteps, closure_of, parameters_of
from gradtui.check.torch.parameters import Parameters, optimizers
from gradtui.check.watch.at_rest import wait_for_hooks
from gradtui.check.watch.event_sources import EventSources
from gradtui.check.watch.existing import meet_models
from gradtui.check.watch.fast_path import FastPath
from gradtui.check.watch.gathered import facts_of, most_frequent, never_stepped
from gradtui.check.watch.guard import EnoughSteps, guarded, is_the_programs
from gradtui.check.watch.ledger import Ledger
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.optimizer_watch import OptimizerWatch
from gradtui.check.watch.swaps import let_tensors_swap
from gradtui.script.after_torch import after_import

MOST_GONE = 64
"""Look for an optimizer's predecessor among this many."""


class Watcher:
    """All optimizers of this process. ``limit``: end the script after this many steps, counted over all optimizers."""

    def __init__(self, limit: int | None = None) -> None:
        self.ended_script = False
        self.lost = ""
        self._limit = limit
        self._watches: dict[int, OptimizerWatch] = {}
        self._all: list[OptimizerWatch] = []
        self._open: OpenSteps[OptimizerWatch] = OpenSteps()
        """The steps that are followed closely."""
        self._next_look = 1
        self._handles: list[RemovableHandle] = []
        self._end_swaps: Callable[[], None] = lambda: None
        self._withdraw: Callable[[], None] = lambda: None
        self._finalizers: list[weakref.finalize[[int], Optimizer]] = []
        self._fast_paths: dict[int, FastPath] = {}
        """The fast paths of the optimizers that have one, by the optimizer's id."""
        self._ledger = Ledger(lambda: self._parameters.modules)
        self._sources = EventSources(self._ledger)
        self._backwards = Backwards(lambda: (self._ledger.count, self._ledger.current))
        self._losses = LossesOnDevice()
        self._parameters = Parameters(self._backwards)

    def start(self) -> None:
        """Set torch's global hooks."""
        wait_for_hooks()
        self._withdraw = after_import("torch._dynamo.trace_rules", _stay_out_of_graphs)
        self._handles += [
            register_module_module_registration_hook(self._parameters.on_module),
            register_module_parameter_registration_hook(self._parameters.on_parameter),
            register_optimizer_step_pre_hook(self._step_hook()),
        ]
        self._end_swaps = let_tensors_swap(self._holders)
        self._sources.start()

    def meet_existing(self) -> None:
        """Get to know what was made before start(), in the middle of a session."""
        meet_models(self._parameters)

    def stop(self) -> None:
        """Stop watching, and leave nothing behind."""
        self._withdraw()
        wait_for_hooks()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._end_swaps()
        self._sources.stop()
        self._fast_paths.clear()
        for watch in self._all:
            watch.leave_nothing()
        self._parameters.stop()
        for finalizer in self._finalizers:
            finalizer.detach()
        self._finalizers.clear()

    def _holders(self) -> Iterator[object]:
        """What has weak references to tensors among its values."""
        yield from self._parameters.holders()
        for made in self._ledger.made.values():
            yield made.parameters
        for watch in self._all:
            yield from watch.holders()

    def give_up(self, subject: object = None, *arguments: object) -> None:
        """Stop watching the optimizer ``subject`` (or the one with that id). If it is unknown, ``lost`` keeps the reason."""
        key = subject if isinstance(subject, int) else id(subject)
        watch = self._watches.get(key)
        if watch is None:
            return
        self._fast_paths.pop(key, None)
        self._open.end(watch)
        watch.lost, self.lost = self.lost, ""
        watch.give_up()

    # Steps

    def _step_hook(self) -> Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], None]:
        """The hook that torch calls at each step. Most steps of a fast loop need only its first lines."""
        fast_path_of, before_step, ledger = self._fast_paths.get, self._before_step, self._ledger

        def begin_step(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            try:
                fast_path = fast_path_of(id(optimizer))
                if fast_path is not None:
                    kept, gradient, trail = fast_path.kept, fast_path.parameter.grad, fast_path.trail
                    if (
                        gradient is not kept[-1]
                        and gradient is not None
                        and gradient._version == fast_path.version  # noqa: SLF001 (version_of() would be too slow here)
                        and len(kept) < fast_path.limit
                        and len(optimizer.param_groups) == fast_path.groups
                        and trail == fast_path.usual
                    ):
                        kept.append(gradient)
                        trail.clear()
                        trail.cleared_at = ledger.count
                        for other, code in trail.others:
                            other.append(code)
                        return
            except BaseException as error:  # _before_step meets the same error under its guard; a guard here would be too slow
                if is_the_programs(error):
                    raise
            before_step(optimizer, args, kwargs)

        return begin_step

    @guarded
    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch = self._watches.get(id(optimizer))
        if watch is None:
            watch = self._meet(optimizer)
        if watch.lost:
            self._only_count(watch, optimizer)
            return
        if self._open.all:
            self._nest(watch, optimizer)
        light, trail = watch.light, watch.log.trail
        if trail != trail.usual:
            self._ledger.slow_down(trail)
        if light is not None:
            light.learn_reach()
        closure = closure_of(args, kwargs) is not None
        if light is not None and not closure and (light.passes_fast if light.sampling else light.passes)(optimizer):
            if watch.post_hook is not None and self._limit is None:
                watch.post_hook.remove()
                watch.post_hook = None
            self._ledger.steps(watch.log.trail, watch.log.steps)
            light.fast_path.usual = watch.log.trail.usual
            if light.unattended and self._limit is None and not watch.nested:
                self._fast_paths[id(optimizer)] = light.fast_path
                if light.has_sampled:
                    self._ledger.hurry(trail)
            else:
                self._fast_paths.pop(id(optimizer), None)
        else:
            self._fast_paths.pop(id(optimizer), None)
            self._begin_close_step(watch, optimizer, frame_here(3), closure)
        if watch.log.steps >= self._next_look:
            self._next_look *= 2
            self._parameters.look_for_orphans()

    def _only_count(self, watch: OptimizerWatch, optimizer: Optimizer) -> None:
        watch.stop()
        watch.log.steps += 1
        if self._limit is not None:
            watch.post_hook = optimizer.register_step_post_hook(self._after_step)

    def _begin_close_step(self, watch: OptimizerWatch, optimizer: Optimizer, frame: FrameType, closure: bool) -> None:
        if watch.post_hook is None:
            watch.post_hook = optimizer.register_step_post_hook(self._after_step)
        self._open.begin(watch)
        watch.close_steps += 1
        if closure:
            watch.log.trail.give_up()  # what a step with a closure applies is computed inside it
        watch.before_step(optimizer, frame, closure)
        self._ledger.steps(watch.log.trail, watch.log.steps)

    @guarded
    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch = self._watches[id(optimizer)]
        if self._open.end(watch):  # it was followed closely
            watch.after_step(optimizer)
            self._ledger.follow(watch.log.trail, watch.light is None and not watch.lost)
        if self._limit is not None and not self._open.all and self.steps >= self._limit:
            self.ended_script = True
            raise EnoughSteps

    @property
    def steps(self) -> int:
        """Steps of all optimizers. A step inside another optimizer's step is not counted twice."""
        return sum(watch.log.steps for watch in self._all if not watch.wraps)

    def _meet(self, optimizer: Optimizer) -> OptimizerWatch:
        trail = self._ledger.meet(optimizer)
        log = OptimizerLog(self._backwards, self._losses, self._ledger, trail)
        watch = OptimizerWatch(optimizer, log, self._parameters)
        watch.predecessor = self._predecessor(optimizer)
        if watch.predecessor is not None:
            watch.earlier = watch.predecessor.histories
        self._watches[id(optimizer)] = watch
        finalizer = weakref.finalize(optimizer, self._forget, id(optimizer))
        finalizer.atexit = False
        self._finalizers.append(finalizer)
        self._all.append(watch)
        return watch

    def _predecessor(self, optimizer: Optimizer) -> OptimizerWatch | None:
        """The optimizer that stepped these parameters last, and is gone."""
        parameters = parameters_of(optimizer)
        gone = (watch for watch in reversed(self._all[-MOST_GONE:]) if watch.gone)
        return next((watch for watch in gone if watch.has_stepped(parameters)), None)

    @guarded
    def _forget(self, key: int) -> None:
        """Release the parameters of an optimizer that is gone. What was seen of it stays."""
        self._fast_paths.pop(key, None)
        watch = self._watches.pop(key)
        watch.scheduler_steps = self._ledger.scheduler_steps.get(key, 0)
        self._ledger.forget(watch.log.trail, key)
        watch.release()

    def _nest(self, inner: OptimizerWatch, optimizer: Optimizer) -> None:
        """Handle a step that begins inside another: the outer optimizer wraps this one, or its step never finished."""
        if self._open.end(inner):
            return
        outer = self._open.all[-1]
        if outer.shares_parameters(optimizer):
            inner.nested = True
            self._ledger.wraps(outer.log.trail, inner.log.trail)
            outer.wrapping_at.add(outer.log.steps)

    # What was seen

    def facts(self) -> Facts:
        """Finish watching and return what was seen."""
        self._losses.read_all()
        self._parameters.look_for_orphans()
        orphans = [(each.model, each.name) for each in self._parameters.orphans.values() if not each.by_hand]
        for watch in self._all:
            watch.finish()
        reported = [watch for watch in self._all if not watch.wraps]
        unsure = bool(self.lost or any(watch.lost for watch in self._all))  # an orphan may belong to an unwatched optimizer
        return Facts(
            optimizers=[facts_of(watch, reported, self._ledger) for watch in reported],
            orphans=orphans if self.steps and not unsure else [],
            backward_elsewhere=bool(self._parameters.orphans),
            torch_imported=True,
            idle_optimizers=[] if self.steps else sorted({type(each).__name__ for each in optimizers()}),
            ended_early=self.ended_script,
            never_stepped=never_stepped(self._ledger, self._parameters) if self.steps else [],
            leaf_losses=sum(self._ledger.leaf_losses.values()),
            leaf_loss_at=most_frequent(self._ledger.leaf_losses),
            scaler=self._ledger.scaler.name,
            empty_clips=sum(self._ledger.empty_clips.values()),
            empty_clip_at=most_frequent(self._ledger.empty_clips),
            not_watched=list(self._not_watched()),
        )

    def _not_watched(self) -> Iterator[str]:
        """What could not be watched and belongs to no optimizer."""
        if self.lost:
            yield f"an optimizer: {self.lost}"
        if any(handle.id not in (handle.hooks_dict_ref() or ()) for handle in self._handles):
            yield "what ran after the script had removed torch's global hooks"
        if self._losses.lost:
            yield f"losses on a device: {self._losses.lost}"
        if self._parameters.lost:
            yield f"parameters in no optimizer: {self._parameters.lost}"


def _stay_out_of_graphs() -> None:
    """Keep torch.compile from tracing our hooks if a script compiles its optimizer's step. (There is no public way.)"""
    with contextlib.suppress(Exception):
        sys.modules["torch._dynamo.trace_rules"].add("gradtui")
