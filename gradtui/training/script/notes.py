"""What must be known with the results of a script's run: lines of text in the run folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class Notes:
    """Appends to ``<variant>.notes``, each note once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: set[str] = set()

    def add(self, note: str) -> None:
        if note not in self._told:
            self._told.add(note)
            with suppress(OSError), open(self._path, "a", encoding="utf-8") as file:  # a full disk: told by the rows
                file.write(" ".join(note.split()) + "\n")
