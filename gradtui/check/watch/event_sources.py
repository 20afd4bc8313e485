"""Lets torch's own functions report to the ledger: backward(), zero_grad(), clipping, GradScaler, schedulers.

Torch has hooks for steps, but none for these, so each is replaced by a function that reports and then calls the original.
Whatever the script has imported by name before still calls the original's inner parts, which are replaced where that helps.
An error in here never reaches the script.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gradtui.check import windows
from gradtui.check.source_lines import frame_here
from gradtui.check.torch.loss_values import BEFORE_SCALING
from gradtui.check.watch.guard import is_the_programs
from gradtui.check.watch.ledger import LOOKED_AT, Ledger

_TENSOR_BACKWARD = Tensor.backward.__code__


class EventSources:
    """The functions that are replaced, while the ledger records. ``lost`` says why it no longer does."""

    def __init__(self, ledger: Ledger) -> None:
        self.lost = ""
        self._ledger = ledger
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def start(self) -> None:
        """Replace the functions."""
        self._replace(torch.autograd, "backward", self._backward)
        self._replace(Optimizer, "zero_grad", self._zero_grad)  # which torch itself keeps out of graphs
        self._replace(nn.Module, "zero_grad", self._zero_grad, traced=True)
        if hasattr(clip_grad, "_clip_grads_with_norm_"):
            self._replace(clip_grad, "_clip_grads_with_norm_", self._clip, traced=True)
        else:
            for module in (clip_grad, nn.utils):
                self._replace(module, "clip_grad_norm_", self._clip, traced=True)
        for module in (clip_grad, nn.utils):
            self._replace(module, "clip_grad_value_", self._clip, traced=True)
        self._replace(torch.amp.GradScaler, "scale", self._scale)
        self._replace(torch.amp.GradScaler, "unscale_", self._unscale)
        self._replace(torch.amp.GradScaler, "step", self._scaler_step)
        self._replace(LRScheduler, "step", self._scheduler_step)
        self._replace(Optimizer, "add_param_group", self._add_param_group)

    def stop(self) -> None:
        """Put the originals back, except where the script has replaced them itself meanwhile."""
        for owner, name, original, ours in reversed(self._replaced):
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)
        self._replaced.clear()
        self._ledger.stop()  # for whoever has kept one of ours

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any], *, traced: bool = False) -> None:
        """``traced``: torch.compile may meet the function in what it traces, and must find the original there."""
        original = vars(owner)[name]
        ours = make(original)
        ours = functools.wraps(original)(_as_torchs(original, ours) if traced else ours)
        setattr(owner, name, ours)
        self._replaced.append((owner, name, original, ours))

    def _failed(self, error: BaseException) -> None:
        """Stop recording after an error of our own; pass on one that is the script's."""
        if is_the_programs(error):
            raise error
        self.lost = self.lost or f"{type(error).__name__}: {error}"
        self._ledger.give_up()

    # What replaces each function. Each is as short as it can be: it runs at every step.

    def _backward(self, original: Callable[..., None]) -> Callable[..., None]:
        ledger, sites = self._ledger, self._ledger.sites

        site_of, here, tensor_backward = sites.get, frame_here, _TENSOR_BACKWARD

        def backward(*args: Any, **kwargs: Any) -> None:
            if ledger.quick is not None:
                ledger.count += 1
                ledger.quick(ledger.current)
                return original(*args, **kwargs)
            if ledger.in_backward or ledger.off:
                return original(*args, **kwargs)
            try:
                frame: Any = here(1)
                if frame.f_code is tensor_backward:
                    frame = frame.f_back
                up = frame.f_back
                code = site_of((id(frame.f_code), frame.f_lasti, id(up.f_code), up.f_lasti)) if up is not None else None
                if code is None or not ledger.count % LOOKED_AT:
                    code = ledger.look_at(frame, args[0] if args else None)
                ledger.count += 1
                ledger.current = code
                for trail in ledger.trails:
                    trail.append(code)
                if ledger.made:
                    ledger.remember(code)
            except BaseException as error:  # noqa: BLE001 (passed on, if it is the script's)
                self._failed(error)
            ledger.in_backward = True
            try:
                return original(*args, **kwargs)
            finally:
                ledger.in_backward = False
                if ledger.followed:
                    ledger.backward_ended()

        return backward

    def _zero_grad(self, original: Callable[..., None]) -> Callable[..., None]:
        ledger, lines, depth = self._ledger, self._ledger.lines, 1 if original is Optimizer.zero_grad else 2

        def zero_grad(subject: Any, *args: Any, **kwargs: Any) -> None:
            if ledger.quick is not None and id(subject) == ledger.quick_subject:
                ledger.quick(ledger.quick_clear)
            elif not ledger.off:
                try:
                    frame = frame_here(depth)
                    code = lines.get((id(frame.f_code), frame.f_lasti))
                    if code is None:
                        code = ledger.new_clearing(frame)
                    key = id(subject)
                    for trail in ledger.trails:
                        if trail.covers.get(key) == 2 and not trail:  # the usual case: a step has applied the gradients
                            trail.append(code)
                            trail.cleared_at, trail.cleared_by = ledger.count, key
                        else:
                            ledger.clears(trail, subject, code)
                    if ledger.made:
                        ledger.remember(code, subject)
                except BaseException as error:  # noqa: BLE001
                    self._failed(error)
            return original(subject, *args, **kwargs)

        return zero_grad

    def _clip(self, original: Callable[..., Any]) -> Callable[..., Any]:
        ledger = self._ledger

        def clip(parameters: Any, limit: Any, *args: Any, **kwargs: Any) -> Any:
            if not ledger.off:
                try:
                    if isinstance(parameters, Iterator):
                        parameters = list(parameters)
                    self._note_clip(parameters, limit, frame_here(2))
                except BaseException as error:  # noqa: BLE001
                    self._failed(error)
            return original(parameters, limit, *args, **kwargs)

        return clip

    def _note_clip(self, parameters: Any, limit: Any, frame: FrameType) -> None:
        clipped = [parameters] if isinstance(parameters, Tensor) else parameters
        if isinstance(clipped, Iterable):
            number = float(limit) if isinstance(limit, (int, float)) else 1.0
            self._ledger.clips([each for each in clipped if isinstance(each, Tensor)], number, frame)

    def _scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        ledger = self._ledger

        def scale(scaler: Any, *args: Any, **kwargs: Any) -> Any:
            if not ledger.off and scaler.is_enabled():
                try:
                    ledger.scaler.meet(scaler, frame_here(1))
                except BaseException as error:  # noqa: BLE001
                    self._failed(error)
            scaled = original(scaler, *args, **kwargs)
            outputs = args[0] if args else None
            if isinstance(outputs, Tensor) and isinstance(scaled, Tensor) and scaled is not outputs and not ledger.off:
                setattr(scaled, BEFORE_SCALING, outputs.detach())
            return scaled

        return scale

    def _unscale(self, original: Callable[..., None]) -> Callable[..., None]:
        ledger = self._ledger

        def unscale(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> None:
            if not ledger.off and scaler.is_enabled():
                self._report(optimizer, windows.UNSCALE)
            return original(scaler, optimizer, *args, **kwargs)

        return unscale

    def _scaler_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        ledger = self._ledger

        def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if ledger.off or not scaler.is_enabled():
                return original(scaler, optimizer, *args, **kwargs)
            self._report(optimizer, windows.SCALER)
            result = original(scaler, optimizer, *args, **kwargs)
            try:
                ledger.has_scaled(optimizer)
            except BaseException as error:  # noqa: BLE001
                self._failed(error)
            return result

        return step

    def _report(self, optimizer: Any, kind: str) -> None:
        try:
            self._ledger.scales(optimizer, kind)
        except BaseException as error:  # noqa: BLE001
            self._failed(error)

    def _add_param_group(self, original: Callable[..., None]) -> Callable[..., None]:
        ledger = self._ledger

        def add_param_group(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            if not ledger.off:
                try:
                    ledger.makes(optimizer, frame_here(1))
                except BaseException as error:  # noqa: BLE001
                    self._failed(error)

        return add_param_group

    def _scheduler_step(self, original: Callable[..., None]) -> Callable[..., None]:
        ledger = self._ledger

        def step(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            if not ledger.off:
                try:
                    ledger.scheduler_steps[id(scheduler.optimizer)] += 1
                except BaseException as error:  # noqa: BLE001
                    self._failed(error)
            return original(scheduler, *args, **kwargs)

        return step


_AS_TORCHS = """
def make(is_compiling, original, ours):
    def function(*args, **kwargs):
        if is_compiling():
            return original(*args, **kwargs)
        return ours(*args, **kwargs)
    return function
"""


def _as_torchs(original: Any, ours: Any) -> Any:
    """A function that torch.compile takes for one of torch's, traces into, and finds the original in; else it calls ours.

    Torch.compile breaks its graph at code outside of torch that it is told to skip, which is an error under fullgraph=True.
    """
    names: dict[str, Any] = {"__name__": original.__module__}
    file = inspect.unwrap(original).__code__.co_filename
    exec(compile(_AS_TORCHS, file, "exec"), names)
    return names["make"](torch.compiler.is_compiling, original, ours)
