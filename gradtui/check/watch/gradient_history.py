"""Tracks whether one parameter's ``.grad`` still holds what the optimizer has already applied.

After a step, ``.grad`` is a tensor with a version, and everything in it has been applied. Then one of these happens:

- ``.grad`` becomes None or another tensor: it was cleared;
- a backward() is about to add to it (a tensor hook reports that) and its version is unchanged: it was not cleared;
- a backward() is about to add to it and its version has changed: something wrote to it. Only in this case are its values read:
  zeros mean that it was cleared; anything else was clipping or scaling, and the applied gradient is still in there.

Version counters miss writes through ``.grad.data``. So if a gradient does not seem to have been cleared, the check for zeros is
queued on the device, and its result is read only if a step depends on it.
"""

from __future__ import annotations

import weakref
from types import FrameType

from torch import Tensor
from torch.autograd import Variable

from gradtui.check.judgements import Applied, Written
from gradtui.check.source_lines import Place, frame_here
from gradtui.check.torch.backwards import backward_frame, in_backward
from gradtui.check.torch.clearing_lines import place_of_end
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.hooked_gradient import HookedGradient
from gradtui.check.watch.in_place_clearing import InPlaceClearing
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.tensors import tensor_hook, version_of
from gradtui.check.watch.values import any_nonzero, derived, is_about, nonzero, total
from gradtui.check.windows import WRITES

SUMMED_UP = 2
"""Sum up each gradient in this many first steps, to recognize it if it moves. Only the sum is kept, on its device."""


class GradientHistory(HookedGradient):
    """Follows one parameter's gradient for one optimizer, contribution by contribution."""

    def __init__(self, parameter: Tensor, name: str, group: int, log: OptimizerLog) -> None:
        super().__init__(parameter, name)
        self.group, self.log = group, log
        self.contributed = 0
        """The same number at the last step."""
        self.total = 0
        """Number of backward() calls that have ever added to the gradient."""
        self.first_fires = 0
        """How many of those reached this gradient before any other gradient of the optimizer."""
        self.began_at_none = False
        """The first contribution since the last step found no gradient."""
        self.trainable = parameter.requires_grad
        self.had_gradient = False
        self.stale_steps = 0
        self.piled = self.tainted = False
        self.written_version: int | None = None
        """The gradient's version after the last contribution."""
        self.applied: weakref.ref[Tensor] | None = None
        """The tensor that holds applied contributions; None if there is none or it has been cleared."""
        self._version: int | None = None
        self._mixed = False
        """Contributions have been added on top of applied ones."""
        self._held: Tensor | None = None
        self._was_zero: list[Tensor] = []
        self._digest: Tensor | None = None
        self._by_hand = False
        """The gradient changes although no backward() has ever reached it."""
        self._blind = False
        self.was_cleared = False
        """An applied gradient has been cleared at least once."""
        self._in_place = InPlaceClearing()
        self._evaluation: FrameType | None = None
        self._evaluated: tuple[weakref.ref[Tensor], int] | None = None
        self._contributed: weakref.ref[Tensor] | None = None
        self._left: weakref.ref[Tensor] | None = None
        self._clearing: Place | None = None

    # Contributions

    @tensor_hook
    @guarded
    def _tensor_hook(self, fresh: Tensor) -> None:
        frame = frame_here(2)
        if self.lost or backward_frame(frame) is None:
            return
        self.before_contribution(frame)
        if fresh.is_sparse or fresh.requires_grad:  # with create_graph: the gradient will be another tensor
            self.hook_after()

    def before_contribution(self, frame: FrameType | None) -> None:
        """Record that the backward() running at ``frame`` is about to add to the gradient."""
        parameter = self._parameter()
        if parameter is None:
            return
        first = self._count(frame)
        self._weights_version = version_of(parameter)
        gradient = parameter.grad
        if first and self.contributions > 1:
            self._note_writing(gradient)
        if self.contributions == 1:
            self.began_at_none = gradient is None
        self.written_version = 0 if gradient is None else self._version_of(gradient) + 1
        if self.log.in_step:
            self._evaluate(gradient, frame)
        if self.applied is None:
            return
        if gradient is None:
            self._cleared()
        elif gradient is self.applied():
            self._add_to_applied(gradient)
        elif self._is_carried_over(gradient):
            self._mixed = True
            self.hook_after()
        else:
            self._cleared()

    def _count(self, frame: FrameType | None) -> bool:
        """Count a contribution; return whether no other gradient of the optimizer has got one of this backward() yet."""
        first = self.log.contribution(frame)
        if first:
            self.first_fires += 1
            Variable._execution_engine.queue_callback(self._after_backward)  # noqa: SLF001 (what torch's own wrappers use)
        self.log.reaches(self)
        self.contributions += 1
        self.total += 1
        return first

    def _note_writing(self, gradient: Tensor | None) -> None:
        """Note in the ledger what the script has done to the gradient since the last contribution, if zero_grad() has not."""
        if self.log.in_step or self.log.kinds_since_backward() & WRITES:
            return
        if gradient is None:
            self.log.written(cleared=True)
        elif self.written_version is not None and self._version_of(gradient) != self.written_version:
            self.log.written(cleared=not any_nonzero(gradient))

    def _add_to_applied(self, gradient: Tensor) -> None:
        if self._version is not None and self._version_of(gradient) != self._version:
            if self._in_place.leaves_zeros(gradient, self.log.steps, Written.BETWEEN if self._mixed else Written.BEFORE):
                self._cleared()
                return
        elif self.log.in_step:
            if not any_nonzero(gradient) or any(bool(zero) for zero in self._was_zero):
                self._cleared()
                return
        else:
            self._was_zero.append(nonzero(gradient).logical_not())
        self._mixed = True
        self.tainted |= self.log.in_step
        self.hook_after()

    @guarded
    def _after_backward(self) -> None:
        """Record the gradient that a finished backward() has left."""
        parameter = self._parameter()
        gradient = parameter.grad if parameter is not None else None
        self._left = weakref.ref(gradient) if gradient is not None else None

    @property
    @guarded
    def exchanged(self) -> bool:
        """Whether the gradient is no longer the tensor that the last backward() left, which is recorded for some parameters
        only."""
        parameter = self._parameter()
        gradient = parameter.grad if parameter is not None else None
        return gradient is not None and self._left is not None and self._left() is not gradient

    @guarded
    def after_contribution(self, parameter: Tensor) -> None:
        """Record that a backward() has added to the gradient."""
        gradient = parameter.grad
        if gradient is None or self.lost:  # an optimizer that steps inside backward() has already run
            return
        self.written_version = self._version_of(gradient)
        if self._proving:
            self._nonzero = nonzero(gradient)
        if self.log.traces_clearing:
            self._contributed = weakref.ref(gradient, self._gone)
        if self._mixed:
            # A new tensor after backward(create_graph=True), or if one gradient was sparse and the other dense.
            self.applied = weakref.ref(gradient, self._gone if self.log.traces_clearing else None)
            self._version = self._version_of(gradient)
            self._held = gradient.detach()  # the same memory, but not the tensor whose end is watched
        if self.log.in_step:
            self._evaluated = weakref.ref(gradient), self._version_of(gradient)

    def _evaluate(self, gradient: Tensor | None, frame: FrameType | None) -> None:
        """Detect that a later call of a step's closure adds to what an earlier call has left."""
        evaluation = self.log.evaluation(frame)
        if evaluation is not self._evaluation and self._evaluated is not None and gradient is not None:
            left, version = self._evaluated
            self.piled |= gradient is left() and self._version_of(gradient) == version and any_nonzero(gradient)
        self._evaluation = evaluation

    # Steps

    @guarded
    def judge(self) -> Applied:
        """What a step would apply now; after a step with a closure, what it has applied."""
        if self.tainted:
            return Applied.STALE
        parameter = self._parameter()
        gradient = parameter.grad if parameter is not None else None
        if parameter is None or gradient is None:
            if self.contributions:
                self.hook_after()
                if self._clearing is not None:
                    self.log.wiped_at[self._clearing] += 1
                    self._clearing = None
            self._cleared()
            return Applied.NOTHING
        if self.applied is None:
            return Applied.FRESH
        if gradient is not self.applied():
            if self._mixed and derived(gradient, self._held):
                return Applied.STALE
            self._cleared()
            return Applied.FRESH
        if self.contributions == 0:
            return self._judge_untouched(gradient)
        if any(bool(zero) for zero in self._was_zero):
            return Applied.FRESH
        return Applied.STALE if any_nonzero(gradient) else Applied.FRESH  # zeros: cleared after the last contribution

    def _judge_untouched(self, gradient: Tensor) -> Applied:
        """Judge a gradient that no backward() has added to since the last step."""
        if self._blind:
            return Applied.FRESH
        fed = self.total > 0  # else the script writes its gradients by hand
        if self._version_of(gradient) != self._version:
            cleared = not fed or self._in_place.leaves_zeros(gradient, self.log.steps, Written.INSTEAD)
            return Applied.FRESH if cleared else Applied.UNCHANGED
        # A write through .data shows only in the values: zeros, or a different sum, which does not catch every write.
        changed = self._digest_changed(gradient)
        self._by_hand |= changed and not fed
        return Applied.UNCHANGED if any_nonzero(gradient) and not (changed or self._by_hand) else Applied.FRESH

    @guarded
    def settle(self) -> None:
        """Record that a step has applied the gradient."""
        parameter = self._parameter()
        if parameter is None:
            return
        self.trainable = parameter.requires_grad
        gradient = parameter.grad
        self._digest = None
        if gradient is None:
            self.applied = self._version = None
        else:
            self.had_gradient = True
            self.applied = weakref.ref(gradient, self._gone if self.log.traces_clearing else None)
            self._version = self._version_of(gradient)
            if (self.total == 0 or self.log.steps <= SUMMED_UP) and not gradient.is_sparse:
                self._digest = total(gradient)
        self._in_place.settle()
        self.contributed, self.contributions = self.contributions, 0
        self.piled = self.tainted = self._mixed = self._blind = False
        self._held = self._evaluation = self._evaluated = self._contributed = self._clearing = self.written_version = None
        self._left = self._nonzero = None
        self._was_zero.clear()

    def resume(self, applied: weakref.ref[Tensor], version: int | None = None) -> None:
        """Resume after a step that was not followed closely: that step applied this tensor.

        ``version``: the tensor's version at that step. If it is unknown, so is everything that has happened since.
        """
        self.applied, self._version, self._blind = applied, version, version is None

    def is_of(self, parameter: Tensor) -> bool:
        """Whether this is the history of this parameter, and has followed its gradient until now."""
        return self._before is not None and not self.lost and self._parameter() is parameter

    def inherit(self, old: GradientHistory) -> None:
        """Take over what another optimizer's history has seen of the same gradient; that one stops following it."""
        mine = self.name, self.group, self.log, self._before, self._after
        vars(self).update(vars(old))
        old.unhook()
        self.name, self.group, self.log, self._before, self._after = mine
        self.stale_steps = 0
        if self.applied is not None and (gradient := self.applied()) is not None:
            self.applied = weakref.ref(gradient)

    def taint(self) -> None:
        """Mark the gradient as stale: an unobserved backward() added to what a step had applied."""
        self.tainted = True

    @property
    def replaced(self) -> bool:
        """Whether the tensor that the last step applied is gone, as after zero_grad(set_to_none=True)."""
        return not self._in_place.zeroed and (self.applied is None or self.applied() is None)

    @property
    @guarded
    def written_since(self) -> bool:
        """Whether something other than backward() wrote to the gradient after the last contribution."""
        parameter = self._parameter()
        gradient = parameter.grad if parameter is not None else None
        if gradient is None:
            return False
        expected = self.contributions - 1 if self.written_version is None else self.written_version
        return self._version_of(gradient) != expected

    @guarded
    def is_zero(self, gradient: Tensor) -> bool:
        """Whether this gradient of the parameter is all zeros."""
        return not any_nonzero(gradient)

    def _version_of(self, gradient: Tensor) -> int:
        return version_of(gradient)

    def _is_carried_over(self, gradient: Tensor) -> bool:
        """Whether a new tensor in ``.grad`` holds the applied gradient, scaled, clamped, or moved (as
        DistributedDataParallel does)."""
        if self._mixed:
            return derived(gradient, self._held)
        return self._digest is not None and any_nonzero(gradient) and not self._digest_changed(gradient)

    def _digest_changed(self, gradient: Tensor) -> bool:
        """Whether the values differ from those at the last step; False if they were not summed up then."""
        if self._digest is None or gradient.is_sparse:
            return False
        return not is_about(total(gradient), self._digest)

    # Clearing

    def _cleared(self) -> None:
        if self.applied is not None:
            self.was_cleared = True
            self.log.clears_applied()
        if self._clearing is not None:
            self.log.cleared_at[self._clearing] += 1
        self.applied = self._version = self._held = self._clearing = None
        self._mixed = False
        self._was_zero.clear()

    @guarded
    def _gone(self, applied: object) -> None:
        """Record the line that is running now: it frees the tensor that was the gradient."""
        frame = frame_here(2)
        if not self.log.closed and self._parameter() is not None and not in_backward(frame):
            self.found_clearing(place_of_end(frame))

    def found_clearing(self, place: Place | None) -> None:
        """Remember a line that seems to clear. It counts once the next contribution finds the gradient cleared."""
        self._clearing = place or self._clearing
