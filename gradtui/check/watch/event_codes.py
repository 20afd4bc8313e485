"""The events of the ledger as small integers: one for each kind of event at each line of the script."""

from __future__ import annotations

from dataclasses import dataclass
from types import FrameType

from gradtui.check import windows
from gradtui.check.source_lines import Place
from gradtui.check.watch.trail import HAND_CLEARED, UNKNOWN, WRITTEN

MOST_CODES = 20_000
"""With more different events than this, nothing is recorded."""
LEVELS = 2
"""How many frames tell two backward() calls apart: a helper that calls backward() serves several losses."""


@dataclass
class Meaning:
    """What an event's code stands for."""

    kind: str
    place: Place | None = None
    outer: Place | None = None
    stepped: int = 0
    """For a step: the number of the optimizer."""
    evaluating: bool = False
    looks: int = 0
    on_purpose: bool = False
    """Of a line that clears: it gave up unused gradients for a reason, when last looked at."""


class EventCodes:
    """The codes of all events so far, and what they stand for."""

    def __init__(self) -> None:
        self.meanings: dict[int, Meaning] = {
            HAND_CLEARED: Meaning(windows.CLEAR),
            WRITTEN: Meaning(windows.WRITTEN),
            UNKNOWN: Meaning(windows.UNKNOWN),
        }
        self.clearings = {HAND_CLEARED}
        """The codes of the events that clear all gradients of an optimizer, or give them up."""
        self.by_key: dict[object, int] = {}
        self._code_objects: list[object] = []  # kept, because their ids are in the keys

    @property
    def are_too_many(self) -> bool:
        return len(self.meanings) > MOST_CODES

    def of(self, key: object, meaning: Meaning, frame: FrameType | None = None) -> int:
        """The code for this key; a new one gets this meaning, and is negative for a backward()."""
        code = self.by_key.get(key)
        if code is None:
            number = len(self.meanings) + 1
            code = -number if meaning.kind == windows.BACKWARD else number
            self.meanings[code] = meaning
            self.by_key[key] = code
            if meaning.kind in (windows.CLEAR, windows.SKIP):
                self.clearings.add(code)
            for _ in range(LEVELS):
                if frame is not None:
                    self._code_objects.append(frame.f_code)
                    frame = frame.f_back
        return code
