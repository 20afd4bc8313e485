"""An append-only CSV file, written by a variant."""

from __future__ import annotations

import os
from pathlib import Path

from gradtui import private
from gradtui.runs.append import append_whole, not_written
from gradtui.runs.columns import RowFormat


class RowsNotWritten(OSError):
    """A row cannot be written; the message names the file and says why."""


class RowFile:
    """A file whose rows stay whole even if the disk is full: nothing is buffered, and a torn row is removed."""

    def __init__(self, path: Path, format: RowFormat) -> None:
        """Create the file with its header. Raises RowsNotWritten."""
        self._path = path
        self._format = format
        try:
            self._file = private.Kept(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600))
        except OSError as error:
            raise self._not_written(error) from None
        self.write([format.header])

    def add(self, **values: float | str | None) -> None:
        """Append one row; its values are given by column. Raises RowsNotWritten."""
        self.write([self._format.row(**values)])

    def write(self, rows: list[str]) -> bytes:
        """Append whole lines; return the bytes written. Raises RowsNotWritten; rows before the failed one stay in the file."""
        data = "".join(rows).encode("ascii")
        try:
            append_whole(self._file.number, data)
        except OSError as error:
            raise self._not_written(error) from None
        return data

    def _not_written(self, error: OSError) -> RowsNotWritten:
        return RowsNotWritten(not_written(self._path, error))
