"""Events, windows and optimizers made by hand; a place is a line of ``train.py``."""

from __future__ import annotations

from typing import Any

from gradtui.check import windows
from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.source_lines import Place
from gradtui.check.windows import Event, Window

STEP_LINE, CLEAR_LINE = 90, 10
"""Where the optimizers step, and where their loops usually clear."""


def at(line: int) -> Place:
    return Place("train.py", line)


def backward(line: int = 20, site: int = 0, **more: Any) -> Event:
    """A backward(); each line is a site of its own, unless told otherwise."""
    return Event(windows.BACKWARD, at(line), site=site or line, **more)


def clear(line: int = CLEAR_LINE) -> Event:
    return Event(windows.CLEAR, at(line))


def cleared_by_hand() -> Event:
    return Event(windows.CLEAR)


def other_step(*places: int, shared: bool = False) -> Event:
    """The optimizers at these places step."""
    return Event(windows.SHARED_STEP if shared else windows.STEP, also=places)


def clip(line: int = 40, *, nothing: bool = False) -> Event:
    return Event(windows.CLIP_NOTHING if nothing else windows.CLIP, at(line))


SKIP, UNSCALE, SCALER, WRITTEN = (Event(kind) for kind in (windows.SKIP, windows.UNSCALE, windows.SCALER, windows.WRITTEN))
PART = Event(windows.CLEAR_PART, at(CLEAR_LINE))


def loop(*seen: tuple[int, list[Event]]) -> list[Window]:
    """Windows in the order in which they came first, each with its number of steps."""
    made, first = [], 1
    for count, events in seen:
        made.append(Window(tuple(events), count, first, first + count - 1))
        first += count
    return made


def optimizer(*seen: tuple[int, list[Event]], variable: str = "opt", **more: Any) -> OptimizerFacts:
    """An optimizer whose steps had these windows."""
    document = {
        "class_name": "SGD",
        "steps": sum(count for count, _ in seen),
        "parameters": ["w"],
        "group_sizes": [1],
        "variable": variable,
        "stepped_at": [at(STEP_LINE)],
        "backward_at": [at(20)],
        "windows": loop(*seen),
    }
    return OptimizerFacts(**{**document, **more})


def facts(*optimizers: OptimizerFacts, **more: Any) -> Facts:
    return Facts(optimizers=list(optimizers), **more)
