"""Read what a script logs with ``gradtui.log``, while it is being written."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from gradtui.printing import printable
from gradtui.runs.columns import SCALARS
from gradtui.runs.tail import NewLines

LONGEST_NAME = 40
MOST_NAMES = 50


@dataclass(frozen=True)
class Scalar:
    """A number logged after ``step`` steps."""

    step: int
    name: str
    value: float


class ScalarsTail:
    """Reads the scalars added since the last read; other lines are skipped."""

    def __init__(self, path: Path) -> None:
        self._lines = NewLines(path)
        self._last = 0
        self._names: set[str] = set()

    def read(self) -> list[Scalar]:
        """The next scalars; empty if there are none yet."""
        lines = (self._lines.read() or b"").decode("utf-8", "replace")
        return [scalar for line in lines.split("\n") if (scalar := self._parse(line)) is not None]

    def _parse(self, line: str) -> Scalar | None:
        try:
            step, name, value = next(csv.reader([line], strict=True))
            scalar = Scalar(int(SCALARS["step"].kind.read(step)), name, SCALARS["value"].kind.read(value))
        except (ValueError, StopIteration, csv.Error):  # including the header
            return None
        fit = name == printable(name) and 0 < len(name) <= LONGEST_NAME and self._last <= scalar.step
        if not fit or (name not in self._names and len(self._names) == MOST_NAMES):
            return None
        self._last = scalar.step
        self._names.add(name)
        return scalar
