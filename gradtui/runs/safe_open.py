"""Read the files of a run folder, whatever is in their place: no read blocks or grows without bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from gradtui.printing import printable
from gradtui.private import regular


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. Raises OSError, also if it is not a regular file: a pipe would block."""
    return open(path, "rb", opener=regular)


def first_bytes(path: Path, count: int) -> bytes:
    """The beginning of a file; empty if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(count)
    except OSError:
        return b""


def last_bytes(path: Path, count: int = 16_384) -> bytes:
    """The end of a file; empty if it cannot be read."""
    try:
        descriptor = regular(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, count, max(0, os.fstat(descriptor).st_size - count))
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def printable_lines(text: bytes) -> list[str]:
    """The lines of a log, ready to display: control characters escaped, no blank lines."""
    clean = (printable(line.expandtabs().rstrip()) for line in text.decode("utf-8", "replace").splitlines())
    return [line for line in clean if line]
