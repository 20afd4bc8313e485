"""Read the files of a run folder, whatever somebody has put in their place: nothing blocks, nothing grows without bound."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """A file opened for reading. Raises OSError, also where it is no regular file: a pipe would be waited for."""
    return open(path, "rb", opener=_regular)


def _regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a file")
    return descriptor


def first_bytes(path: Path, count: int) -> bytes:
    """The beginning of a file; nothing where it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(count)
    except OSError:
        return b""


def last_bytes(path: Path, count: int = 16_384) -> bytes:
    """The end of a file; nothing where it cannot be read."""
    try:
        descriptor = _regular(os.fspath(path), os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, count, max(0, os.fstat(descriptor).st_size - count))
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def printable(text: str, instead: str = " ") -> str:
    """Fit for a screen: without control characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else instead for c in text)


def printable_lines(text: bytes) -> list[str]:
    """The lines of a log, fit for a screen: no control characters, no blank lines."""
    clean = (printable(line).rstrip() for line in text.decode("utf-8", "replace").splitlines())
    return [line for line in clean if line]
