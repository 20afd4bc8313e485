"""Writes the report to standard output."""

from __future__ import annotations

import contextlib
import os
import sys

from gradtui.private import identity


class Taken(OSError):
    """The descriptor of standard output is no longer that of standard output."""


class StandardOutput:
    """Standard output as it was before the script, which may close or replace it."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._identity = (0, 0)
        with contextlib.suppress(OSError):  # there is no standard output
            self._file = os.dup(1)
            self._identity = identity(self._file)
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        terminal = self._file is not None and os.isatty(self._file)
        self.takes_color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def file(self) -> int | None:
        """Its descriptor; None if there is none.

        Raises Taken if the script has closed the descriptor, whose number may then be that of a file of the script's own.
        """
        if self._file is None:
            return None
        try:
            same = identity(self._file) == self._identity
        except OSError:
            same = False
        if not same:
            raise Taken("the script has closed every descriptor of standard output")
        return self._file

    def flush_streams(self) -> None:
        """Flush what the script has printed, so that it comes before the report."""
        for stream in (sys.stdout, sys.__stdout__):
            # The stream may be closed, have no reader, or be an object of the script's.
            with contextlib.suppress(Exception):
                if stream is not None:
                    stream.flush()

    def encoded(self, text: str) -> bytes:
        """The text in this output's encoding."""
        return text.encode(self._encoding, "backslashreplace")

    def write(self, text: str) -> None:
        """Write the text, if there is a standard output. Raises Taken as ``file`` does."""
        file = self.file
        if file is None:
            return
        left = memoryview(self.encoded(text))
        try:
            while left:
                left = left[os.write(file, left) :]
        except OSError:
            pass  # the reader is gone; the exit code still tells
