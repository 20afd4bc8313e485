"""Logs what one optimizer was seen to do: counts and source lines. Holds no tensor for longer than an interval.

An interval is the time between two steps of the optimizer.
"""

from __future__ import annotations

from collections import Counter
from types import FrameType

from gradtui.check.source_lines import Place, is_torchs, library_place, users_place
from gradtui.check.torch.backwards import Backward, Backwards
from gradtui.check.torch.clearing_lines import LineFinder
from gradtui.check.torch.loss_values import Loss, LossesOnDevice
from gradtui.check.watch.ledger import Ledger
from gradtui.check.watch.odd_losses import OddLosses
from gradtui.check.watch.shards import Shards
from gradtui.check.watch.trail import Trail

CLEARINGS_TRACED = 8
"""Search at most this many intervals for the source line that clears; most scripts need one."""


class OptimizerLog:
    """Counts for one optimizer. ``steps`` counts the steps that have begun."""

    def __init__(self, backwards: Backwards, on_device: LossesOnDevice, ledger: Ledger, trail: Trail) -> None:
        self.trail = trail
        self.steps = 0
        self.stale_steps = 0
        self.first_stale = 0
        self.unchanged_steps = 0
        self.piled_steps = 0
        self.empty_steps: list[int] = []
        self.wiped_steps = 0
        self.backwards_per_step: Counter[int] = Counter()
        self.cleared_at: Counter[Place] = Counter()
        self.wiped_at: Counter[Place] = Counter()
        self.backward_at: Counter[Place] = Counter()
        self.stepped_at: Counter[Place] = Counter()
        self.odd_losses = OddLosses()
        self.library_at: Place | None = None
        """The line of a library that steps the optimizer, if a library does."""
        self.closed = False
        self.lost = ""
        """Why watching stopped; empty while it continues."""
        self.lost_at = 0
        """The first step that was not watched."""
        self.loss_lost = ""
        """Why a loss could not be looked at."""

        self.interval: dict[Backward, None] = {}
        """The backward() calls that have added to the optimizer's gradients since the last step, in order."""
        self.finder = LineFinder()
        self.shards = Shards()
        self.step_frame: FrameType | None = None
        """The frame that runs the optimizer's step, during a step with a closure; else None."""
        self._backwards, self._on_device, self._ledger = backwards, on_device, ledger
        trail.losses_given_up = self._give_up_losses

    @property
    def backward_number(self) -> int:
        """The number of the backward() that runs or ran last."""
        return self._ledger.count

    @property
    def in_step(self) -> bool:
        """Whether a step with a closure is running."""
        return self.step_frame is not None

    @property
    def traces_clearing(self) -> bool:
        """Whether to keep searching for the line that clears."""
        return not self.closed and self.steps <= CLEARINGS_TRACED

    def contribution(self, frame: FrameType | None) -> bool:
        """Record that a backward() at ``frame`` is about to add to a gradient; return whether it is the first it adds to."""
        self.finder.stop()
        backward = self._backwards.current(frame)
        if backward in self.interval:
            return False
        self.note(backward)
        return True

    def note(self, backward: Backward, step: int = 0) -> None:
        """Record that this backward() has added to the gradients that ``step`` applies (0: the running or next step)."""
        self.interval[backward] = None
        if backward.place is not None:
            self.backward_at[backward.place] += 1
        if backward.loss is not None and not (step and backward.number <= self.trail.cleared_at):
            self.note_loss(backward.loss, backward.place, backward.number, step)

    def note_loss(self, loss: Loss, place: Place | None, number: int, step: int = 0) -> None:
        """Check whether the loss of the backward() with this number is finite: now, or later if it is on a device."""
        step = step or (self.steps if self.in_step else self.steps + 1)
        self.loss_lost = self.loss_lost or loss.lost
        if loss.value is not None:
            self.odd_losses.note(loss.value, step, number, place)
        elif loss.tensor is not None:
            self._on_device.add(loss.tensor, lambda value: self.odd_losses.note(value, step, number, place))

    def note_not_finite(self, steps: range) -> None:
        """Record the unseen losses of these steps as not finite, because the steps' gradients are not finite."""
        self.odd_losses.note_unseen(steps, next((place for place, _ in self.backward_at.most_common(1)), None))

    def _give_up_losses(self, since: int) -> None:
        self.odd_losses.give_up(since, self._ledger.count)

    # What only the gradients tell of the window that is under way

    def reaches(self, history: object) -> None:
        """The backward() that is running has reached this parameter."""
        self.trail.reached.setdefault(self._ledger.current, set()).add(id(history))
        self.trail.touched_at = self._ledger.count

    def written(self, *, cleared: bool) -> None:
        """The script has cleared the gradients without zero_grad(), or written something else to them."""
        if not self.closed:
            self._ledger.written(self.trail, cleared=cleared)

    def clears_applied(self) -> None:
        """Gradients that a step has applied are gone: note in the ledger if zero_grad() has not cleared them."""
        if not (self.closed or self._ledger.has_zero_grad(self.trail)):
            self.trail.cleared_by_hand = True

    def kinds_since_backward(self) -> set[str]:
        """The kinds of events since the last backward() that is over."""
        return self._ledger.kinds_since_backward(self.trail)

    def evaluation(self, frame: FrameType | None) -> FrameType | None:
        """The frame of the step's closure call that is running at ``frame``; each call has a different frame."""
        closure = None
        while frame is not None and frame is not self.step_frame:
            if not is_torchs(frame.f_code):
                closure = frame
            frame = frame.f_back
        return closure if frame is not None else None

    def step_begins(self, frame: FrameType | None) -> None:
        """Record the start of a step, which runs in ``frame``."""
        self.steps += 1
        self.step_frame = None
        self.finder.stop()
        self._backwards.forget()
        place = users_place(frame)
        if place is not None:
            self.stepped_at[place] += 1
        if self.steps == 1:
            self.library_at = library_place(frame)
