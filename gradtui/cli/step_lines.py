"""The progress of a run whose length is not known in advance: a line at steps 1, 2, 5, 10, 20, 50, ..."""

from __future__ import annotations

import itertools
import sys

from gradtui.runs.results.reader import RunReader
from gradtui.runs.results.wording import count, number
from gradtui.runs.tail import Chunk


class StepLines:
    """Prints a line once both variants have reached its step."""

    def __init__(self, reader: RunReader) -> None:
        self._settings = reader.state.settings
        self._losses: dict[str, dict[int, float]] = {name: {} for name in reader.state.variants}
        self._marks = (factor * 10**power for power in itertools.count() for factor in (1, 2, 5))
        self._next = next(self._marks)

    def add(self, steps: dict[str, Chunk], epochs: dict[str, Chunk]) -> None:
        for name, rows in steps.items():
            for step, loss in zip(rows.values["step"], rows.values["loss"], strict=True):
                if _is_mark(int(step)):
                    self._losses[name][int(step)] = loss
        while all(self._next in losses for losses in self._losses.values()):
            parts = [
                f"{short} loss {number(self._losses[name][self._next])}"
                for name, short in zip(self._settings.variants, self._settings.shorts, strict=True)
            ]
            print(f"step {count(self._next)}  " + "  ".join(parts), file=sys.stderr)
            self._next = next(self._marks)

    def show(self) -> None:
        """Lines are printed as rows arrive."""

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """The results table has what came after the last line."""


def _is_mark(step: int) -> bool:
    digits = str(step)
    return digits[0] in "125" and not digits[1:].strip("0")
