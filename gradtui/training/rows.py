"""An append-only CSV file, as a variant writes it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gradtui.runs.atomic import NO_SPACE, reason


class RowsNotWritten(OSError):
    """A row cannot be written; the message names the file and says why."""


class Rows:
    """A file whose rows are whole, also when the disk is full: nothing is buffered, and a torn row is taken back."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._not_written(error) from None
        self.write([",".join(columns) + "\n"])

    def write(self, rows: list[str]) -> None:
        """Append whole lines. Raises RowsNotWritten; the rows before the one that failed then stand in the file."""
        data = "".join(rows).encode("ascii")
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            torn = written - (data.rfind(b"\n", 0, written) + 1)
            with suppress(OSError):  # every reader leaves out a torn last line, too
                os.ftruncate(self._file, os.fstat(self._file).st_size - torn)
            raise self._not_written(error) from None

    def _not_written(self, error: OSError) -> RowsNotWritten:
        what = "no space left for" if error.errno in NO_SPACE else "cannot write"
        return RowsNotWritten(f"{what} {self._path} ({reason(error, self._path)})")
