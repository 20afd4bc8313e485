"""Logs what one optimizer was seen to do: counts and source lines. Holds no tensor for longer than an interval.

An interval is the time between two steps of the optimizer.
"""

from __future__ import annotations

from collections import Counter
from types import FrameType

from gradtui.check.source_lines import Place, is_torchs, users_place
from gradtui.check.torch.backwards import Backward, Backwards
from gradtui.check.torch.clearing_lines import LineFinder
from gradtui.check.torch.loss_values import Loss, LossesOnDevice, is_finite
from gradtui.check.watch.shards import Shards

CLEARINGS_TRACED = 8
"""Search at most this many intervals for the source line that clears; most scripts need one."""


class OptimizerLog:
    """Counts for one optimizer. ``steps`` counts the steps that have begun."""

    def __init__(self, backwards: Backwards, on_device: LossesOnDevice) -> None:
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
        self.not_finite: Counter[int] = Counter()
        self.not_finite_unseen = 0
        """Number of losses before the first non-finite one that were not looked at."""
        self.not_finite_value = ""
        self.not_finite_at: Place | None = None
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
        self._backwards, self._on_device = backwards, on_device

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
        if backward.loss is not None:
            self.note_loss(backward.loss, backward.place, step)

    def note_loss(self, loss: Loss, place: Place | None, step: int = 0) -> None:
        """Check whether the loss is finite: now, or later if it is on a device."""
        step = step or (self.steps if self.in_step else self.steps + 1)
        self.loss_lost = self.loss_lost or loss.lost
        if loss.value is not None:
            self._note_value(loss.value, step, place)
        elif loss.tensor is not None:
            self._on_device.add(loss.tensor, lambda value: self._note_value(value, step, place))

    def note_not_finite(self, steps: range) -> None:
        """Record the unseen losses of these steps as not finite, because the steps' gradients are not finite."""
        for step in steps:
            if step not in self.not_finite:
                self.not_finite[step] = 1
                if step == min(self.not_finite):
                    self.not_finite_value = "not finite"
                    self.not_finite_at = next((place for place, _ in self.backward_at.most_common(1)), None)

    def _note_value(self, value: float, step: int, place: Place | None) -> None:
        if is_finite(value):
            return
        self.not_finite[step] += 1
        if step == min(self.not_finite):
            self.not_finite_value, self.not_finite_at = str(value), place

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
