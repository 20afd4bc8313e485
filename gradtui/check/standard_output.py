"""Writes the report to standard output."""

from __future__ import annotations

import contextlib
import os
import sys


class StandardOutput:
    """Standard output as it was before the script, which may close or replace it."""

    def __init__(self) -> None:
        try:
            self.file: int | None = os.dup(1)
        except OSError:  # there is no standard output
            self.file = None
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        terminal = self.file is not None and os.isatty(self.file)
        self.takes_color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

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
        """Write the text, if there is a standard output."""
        if self.file is None:
            return
        left = memoryview(self.encoded(text))
        try:
            while left:
                left = left[os.write(self.file, left) :]
        except OSError:
            pass  # the reader is gone; the exit code still tells
