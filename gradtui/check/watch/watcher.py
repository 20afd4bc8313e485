"""Watches a process train: finds its optimizers as they step, and counts the steps.

It exists only once torch is imported: :meth:`Watcher.start` sets torch's global hooks, and everything else starts from a step.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from torch.nn.modules.module import register_module_module_registration_hook, register_module_parameter_registration_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.source_lines import Place, frame_here
from gradtui.check.torch.backwards import Backwards
from gradtui.check.torch.loss_values import LossesOnDevice
from gradtui.check.torch.optimizer_steps import OpenSteps, closure_of
from gradtui.check.torch.parameters import Parameters, optimizers
from gradtui.check.watch.at_rest import wait_for_hooks
from gradtui.check.watch.existing import meet_models
from gradtui.check.watch.fast_path import Glide
from gradtui.check.watch.guard import EnoughSteps, guarded, is_the_programs
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.optimizer_watch import OptimizerWatch
from gradtui.check.watch.swaps import let_tensors_swap
from gradtui.script.after_torch import after_import


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
        self._glides: dict[int, Glide] = {}
        """Glides of the optimizers whose loops glide, by the optimizer's id."""
        self._backwards = Backwards()
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
        self._glides.clear()
        for watch in self._all:
            watch.leave_nothing()
        self._parameters.stop()
        for finalizer in self._finalizers:
            finalizer.detach()
        self._finalizers.clear()

    def _holders(self) -> Iterator[object]:
        """What has weak references to tensors among its values."""
        yield from self._parameters.holders()
        for watch in self._all:
            yield from watch.holders()

    def give_up(self, subject: object = None, *arguments: object) -> None:
        """Stop watching the optimizer ``subject`` (or the one with that id). If it is unknown, ``lost`` keeps the reason."""
        key = subject if isinstance(subject, int) else id(subject)
        watch = self._watches.get(key)
        if watch is None:
            return
        self._glides.pop(key, None)
        self._open.end(watch)
        watch.lost, self.lost = self.lost, ""
        watch.give_up()

    # Steps

    def _step_hook(self) -> Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], None]:
        """The hook that torch calls at each step. Most steps of a fast loop need only its first lines."""
        glide_of, before_step = self._glides.get, self._before_step

        def begin_step(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            try:
                glide = glide_of(id(optimizer))
                if glide is not None:
                    kept, gradient = glide.kept, glide.parameter.grad
                    if (
                        gradient is not kept[-1]
                        and gradient is not None
                        and gradient._version == glide.version  # noqa: SLF001 (version_of() would be too slow here)
                        and len(kept) < glide.limit
                        and len(optimizer.param_groups) == glide.groups
                    ):
                        kept.append(gradient)
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
        light = watch.light
        closure = closure_of(args, kwargs) is not None
        if light is not None and not closure and (light.glides if light.gliding else light.passes)(optimizer):
            if watch.post_hook is not None and self._limit is None:
                watch.post_hook.remove()
                watch.post_hook = None
            if light.unattended and self._limit is None and not watch.nested:
                self._glides[id(optimizer)] = light.glide
            else:
                self._glides.pop(id(optimizer), None)
        else:
            self._glides.pop(id(optimizer), None)
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
        watch.before_step(optimizer, frame, closure)

    @guarded
    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch = self._watches[id(optimizer)]
        if self._open.end(watch):  # it was followed closely
            watch.after_step(optimizer)
        if self._limit is not None and not self._open.all and self.steps >= self._limit:
            self.ended_script = True
            raise EnoughSteps

    @property
    def steps(self) -> int:
        """Steps of all optimizers. A step inside another optimizer's step is not counted twice."""
        return sum(watch.log.steps for watch in self._all if not watch.wraps)

    def _meet(self, optimizer: Optimizer) -> OptimizerWatch:
        watch = OptimizerWatch(optimizer, OptimizerLog(self._backwards, self._losses), self._parameters)
        self._watches[id(optimizer)] = watch
        finalizer = weakref.finalize(optimizer, self._forget, id(optimizer))
        finalizer.atexit = False
        self._finalizers.append(finalizer)
        self._all.append(watch)
        return watch

    @guarded
    def _forget(self, key: int) -> None:
        """Release the parameters of an optimizer that is gone. What was seen of it stays."""
        self._glides.pop(key, None)
        self._watches.pop(key).release()

    def _nest(self, inner: OptimizerWatch, optimizer: Optimizer) -> None:
        """Handle a step that begins inside another: the outer optimizer wraps this one, or its step never finished."""
        if self._open.end(inner):
            return
        outer = self._open.all[-1]
        if outer.shares_parameters(optimizer):
            inner.nested = True
            outer.wrapping_at.add(outer.log.steps)

    # What was seen

    def facts(self) -> Facts:
        """Finish watching and return what was seen."""
        self._losses.read_all()
        self._parameters.look_for_orphans()
        orphans = [(each.model, each.name) for each in self._parameters.orphans.values() if not each.by_hand]
        for watch in self._all:
            watch.finish()
        unsure = bool(self.lost or any(watch.lost for watch in self._all))  # an orphan may belong to an unwatched optimizer
        return Facts(
            optimizers=[_facts(watch) for watch in self._all if not watch.wraps],
            orphans=orphans if self.steps and not unsure else [],
            backward_elsewhere=bool(self._parameters.orphans),
            torch_imported=True,
            idle_optimizers=[] if self.steps else sorted({type(each).__name__ for each in optimizers()}),
            ended_early=self.ended_script,
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


def _facts(watch: OptimizerWatch) -> OptimizerFacts:
    log = watch.log
    # Include a dropped parameter only if it was found stale before.
    known = watch.histories + [each for each in watch.dropped.values() if each.stale_steps]
    only_piled = bool(log.piled_steps and not log.stale_steps)
    never = [each.name for each in watch.histories if each.trainable and not each.had_gradient and not each.total]
    return OptimizerFacts(
        class_name=watch.class_name,
        steps=log.steps,
        parameters=[history.name for history in known],
        group_sizes=watch.group_sizes,
        stale_steps=log.stale_steps or log.piled_steps,
        first_stale=1 if only_piled else log.first_stale,
        stale_parameters=[place for place, each in enumerate(known) if each.stale_steps or only_piled],
        unchanged_steps=log.unchanged_steps,
        piled_steps=log.piled_steps,
        wiped_steps=log.wiped_steps,
        empty_steps=log.empty_steps,
        no_gradient=[] if log.lost else never,
        not_watched=watch.not_watched,
        backwards_per_step=dict(log.backwards_per_step),
        cleared_at=_places(log.cleared_at),
        wiped_at=_places(log.wiped_at),
        backward_at=_places(log.backward_at),
        stepped_at=_places(log.stepped_at),
        not_finite_steps=len(log.not_finite),
        first_not_finite=min(log.not_finite, default=0),
        last_not_finite=max(log.not_finite, default=0),
        not_finite_unseen=log.not_finite_unseen,
        not_finite_value=log.not_finite_value,
        not_finite_at=log.not_finite_at,
    )


def _stay_out_of_graphs() -> None:
    """Keep torch.compile from tracing our hooks if a script compiles its optimizer's step. (There is no public way.)"""
    with contextlib.suppress(Exception):
        sys.modules["torch._dynamo.trace_rules"].add("gradtui")


def _places(counts: Counter[Place]) -> list[Place]:
    return [place for place, _ in counts.most_common(4)]
