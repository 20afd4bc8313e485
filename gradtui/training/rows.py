"""An append-only CSV file, written by a variant."""

from __future__ import annotations

import os
from pathlib import Path

from gradtui.runs.append import append_whole, not_written


class RowsNotWritten(OSError):
    """A row cannot be written; the message names the file and says why."""


class Rows:
    """A file whose rows stay whole even if the disk is full: nothing is buffered, and a torn row is removed."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._not_written(error) from None
        self.write([",".join(columns) + "\n"])

    def write(self, rows: list[str]) -> bytes:
        """Append whole lines; return the bytes written. Raises RowsNotWritten; rows before the failed one stay in the file."""
        data = "".join(rows).encode("ascii")
        try:
            append_whole(self._file, data)
        except OSError as error:
            raise self._not_written(error) from None
        return data

    def _not_written(self, error: OSError) -> RowsNotWritten:
        return RowsNotWritten(not_written(self._path, error))
