"""Open files and make folders that are private to their user, whatever the umask, and never through a link.

All of gradtui's own files are written through these functions; files it only reads are opened with :func:`regular`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

_OTHERS = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EINVAL)
"""Errors for a link, a folder, a pipe without a reader, a device."""


def regular(path: str | Path, flags: int) -> int:
    """An opener for ``open()`` that accepts only regular files, because a pipe would block. Raises OSError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    return descriptor


def opener(path: str | Path, flags: int) -> int:
    """An opener for ``open()`` for writing: new files get mode 0600, and links are not followed. Raises OSError."""
    try:
        return regular(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _OTHERS:
            raise OSError(error.errno, f"{os.path.basename(path)} is not a plain file", str(path)) from None
        raise


def appending(path: Path) -> int:
    """Open a file for appending, created if missing; return its descriptor. Raises OSError."""
    return opener(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def touch(path: Path) -> None:
    """Create an empty file; anything that already has this name, even a dangling link, is left alone. Raises OSError."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def fill_standard_descriptors() -> None:
    """Open /dev/null in place of standard input, output and error that are closed.

    Otherwise the next file that is opened, a lock say, gets one of their numbers, and a child process replaces it by its own.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as the process lives)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def identity(descriptor: int) -> tuple[int, int]:
    """What an open file is, whatever its number. Raises OSError."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, all with mode 0700. Raises OSError."""
    missing, above = [], path
    while not os.path.lexists(above):
        missing.append(above)
        above = above.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another process has just made it
            folder.mkdir(mode=0o700)
    if not path.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
