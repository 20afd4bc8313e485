"""Notes that readers need with the results of a script's run: lines of text in the run folder."""

from __future__ import annotations

import os
from pathlib import Path

from gradtui import private
from gradtui.compare.interruptions import from_a_signal
from gradtui.printing import printable
from gradtui.runs.append import append_whole

LONGEST_NOTE = 1000


class Notes:
    """Appends to ``<variant>.notes``, each note once. A note that does not fit on the disk is retried with the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: set[str] = set()
        self._waiting: list[str] = []

    def add(self, note: str) -> None:
        """Write a note as one printable line."""
        line = printable(" ".join(note.split()))[:LONGEST_NOTE]
        if line not in self._told:
            self._told.add(line)
            self._waiting.append(line)
            self.write()

    def write(self) -> None:
        """Write the notes still waiting for disk space."""
        if not self._waiting:
            return
        try:
            file = private.appending(self._path)
            try:
                while self._waiting:
                    self._write(file, self._waiting.pop(0))  # no lock: a forked child could wait for it forever
            finally:
                os.close(file)
        except OSError as error:
            if from_a_signal(error):
                raise

    def _write(self, file: int, line: str) -> None:
        try:
            append_whole(file, f"{line}\n".encode())
        except OSError:
            self._waiting.insert(0, line)
            raise
