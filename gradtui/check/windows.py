"""The ledger of one optimizer as plain data: what happened to its gradients between two of its steps.

A window is the sequence of events since the optimizer's step before; a window that repeats is kept once, with its count. From
the events alone follows what each step applied: which backward() calls, what was cleared before any step had used it, and what
was clipped. Every question about that is a pure function of windows: see ``ledger_findings``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradtui.check.source_lines import Place

BACKWARD = "backward"
"""A backward() added to the optimizer's gradients."""
CLEAR = "clear"
"""All its gradients were cleared."""
CLEAR_PART = "clear part"
"""Only some of its gradients were cleared: what they hold from here on is not known."""
SKIP = "skip"
"""Gradients were given up on purpose: not finite, of a step that a GradScaler skipped, or applied by the script itself."""
STEP = "step"
"""Another optimizer stepped."""
SHARED_STEP = "shared step"
"""Another optimizer stepped, and some parameters belong to both."""
CLIP = "clip"
"""Its gradients were clipped."""
CLIP_NOTHING = "clip nothing"
"""Its parameters were handed to a clipping function, but had no gradients."""
CLIP_SCALED = "clip scaled"
"""Its scaled gradients were clipped to a limit that was scaled as well."""
MEASURE = "measure"
"""A clipping function with an infinite limit measured its gradients."""
UNKNOWN = "unknown"
"""A backward() that may or may not have reached it: what its gradients hold from here on is not known."""
UNSCALE = "unscale"
"""A GradScaler unscaled its gradients."""
SCALER = "scaler"
"""A GradScaler is about to step it."""
WRITTEN = "written"
"""Something else wrote to its gradients: what they hold from here on is not known."""

WRITES = {CLEAR, CLEAR_PART, SKIP, CLIP, CLIP_SCALED, MEASURE, UNSCALE, SCALER}
"""The events that explain why a gradient is not as the last backward() has left it."""


@dataclass(frozen=True)
class Event:
    """One event. ``site`` tells backward() calls apart by the lines that lead to them; ``place`` is the innermost one.

    ``outer`` is the line that called the function with that place. ``also``: for a backward(), the places in the report of
    the other optimizers whose gradients it reached; for a step, the optimizer that stepped. ``everywhere``: this backward()
    reaches all parameters of the optimizer. ``evaluating``: it ran while every module was in eval mode.
    """

    kind: str
    place: Place | None = None
    outer: Place | None = None
    site: int = 0
    also: tuple[int, ...] = ()
    everywhere: bool = True
    evaluating: bool = False

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Event:
        for name in ("place", "outer"):
            document[name] = Place(*document[name]) if document[name] is not None else None
        return cls(**{**document, "also": tuple(document["also"])})


@dataclass(frozen=True)
class Window:
    """The events of a window, how many steps had one like it, and the first and the last of these steps."""

    events: tuple[Event, ...]
    count: int
    first: int
    last: int

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Window:
        return cls(**{**document, "events": tuple(map(Event.from_json, document["events"]))})


@dataclass(frozen=True)
class Deposit:
    """What one backward() has added; ``steps``: the other optimizers that have stepped since."""

    event: Event
    steps: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Clearing:
    """Contributions that were cleared although no step had applied them. ``clipped``: after they had been clipped."""

    place: Place | None
    deposits: tuple[Deposit, ...]
    clipped: bool = False


@dataclass(frozen=True)
class Clipping:
    """One call of a clipping function: how many contributions it met, how many were added later, whether they were scaled.

    ``used``: the gradients reached the step.
    """

    place: Place | None
    before: int
    after: int
    used: bool
    scaled: bool


@dataclass
class Account:
    """What a window's events come to at its end."""

    applied: list[Deposit] = field(default_factory=list)
    thrown: list[Clearing] = field(default_factory=list)
    clippings: list[Clipping] = field(default_factory=list)
    regular: list[Place | None] = field(default_factory=list)
    """The lines that cleared what had been applied, and nothing else."""
    certain: bool = True
    """Whether the events tell all: nothing wrote to the gradients unseen."""


def account(events: Sequence[Event]) -> Account:
    """Add up a window's events, which begin right after a step and end at the next one."""
    result = Account()
    clips: list[_OpenClip] = []
    clipped, unscaled, scaler = False, False, any(event.kind == SCALER for event in events)
    for event in events:
        if event.kind == BACKWARD:
            result.applied.append(Deposit(event))
            for clip in clips:
                clip.after += event.site in clip.sites
        elif event.kind in (CLEAR, SKIP):
            if event.kind == CLEAR and result.applied and result.certain:
                result.thrown.append(Clearing(event.place, tuple(result.applied), clipped))
            elif event.kind == CLEAR and not result.applied:
                result.regular.append(event.place)
            if event.kind == CLEAR:
                result.clippings += [clip.closed(used=False) for clip in clips]
            clips.clear()
            result.applied, clipped, result.certain = [], False, True
        elif event.kind in (STEP, SHARED_STEP):
            result.applied = [Deposit(each.event, (*each.steps, event)) for each in result.applied]
            clips = [clip for clip in clips if not clip.before]  # the others may have been meant for that step
        elif event.kind in (CLIP, CLIP_NOTHING, CLIP_SCALED):
            sites = {deposit.event.site for deposit in result.applied}
            scaled = scaler and not unscaled and event.kind != CLIP_SCALED
            clips.append(_OpenClip(event.place, len(result.applied), scaled, sites))
            clipped = True
        elif event.kind == MEASURE:
            clipped = True
        elif event.kind == UNSCALE:
            unscaled = True
        elif event.kind in (WRITTEN, UNKNOWN, CLEAR_PART):
            result.certain = False
    result.clippings += [clip.closed(used=True) for clip in clips]
    return result


@dataclass
class _OpenClip:
    place: Place | None
    before: int
    scaled: bool
    sites: set[int]
    after: int = 0

    def closed(self, *, used: bool) -> Clipping:
        return Clipping(self.place, self.before, self.after, used, self.scaled and used)


def accounts(windows: Sequence[Window]) -> Iterator[tuple[Window, Account]]:
    """Each window with its account."""
    for window in windows:
        yield window, account(window.events)
