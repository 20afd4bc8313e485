"""What must be known with the results of a script's run: lines of text in the run folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gradtui import private
from gradtui.printing import printable
from gradtui.runs.append import append_whole

LONGEST_NOTE = 1000


class Notes:
    """Appends to ``<variant>.notes``, each note once. What finds no room on the disk is tried again with the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: set[str] = set()
        self._waiting: list[str] = []

    def add(self, note: str) -> None:
        """Write a note, on one line and printable."""
        line = printable(" ".join(note.split()))[:LONGEST_NOTE]
        if line not in self._told:
            self._told.add(line)
            self._waiting.append(line)
            self.write()

    def write(self) -> None:
        """Write the notes that wait for room."""
        if not self._waiting:
            return
        with suppress(OSError):
            file = private.appending(self._path)
            try:
                while self._waiting:
                    self._write(file, self._waiting.pop(0))  # no lock: a child that was forked could wait for it for ever
            finally:
                os.close(file)

    def _write(self, file: int, line: str) -> None:
        try:
            append_whole(file, f"{line}\n".encode())
        except OSError:
            self._waiting.insert(0, line)
            raise
