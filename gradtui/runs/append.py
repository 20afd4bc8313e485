"""Append to a file so that its rows stay whole, even if the disk is full."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gradtui.runs.atomic import NO_SPACE, reason


def append_whole(descriptor: int, data: bytes) -> None:
    """Append complete lines. Raises OSError; the file then has all lines before the first one that did not fit."""
    written = 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        torn = written - (data.rfind(b"\n", 0, written) + 1)
        with suppress(OSError):  # readers also ignore a torn last line
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - torn)
        raise


def not_written(path: Path, error: OSError) -> str:
    """One line that names the file and says why it cannot be written."""
    what = "no space left for" if error.errno in NO_SPACE else "cannot write"
    return f"{what} {path} ({reason(error, path)})"
