"""Files and folders that are their user's alone, whatever the umask, and never through a link.

Every file that gradtui keeps for itself is written through these; the ones it only reads are opened with :func:`regular`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

_OTHERS = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EINVAL)
"""A link, a folder, a pipe that nobody reads, a device."""


def regular(path: str | Path, flags: int) -> int:
    """An opener for ``open()`` that takes files and nothing else: a pipe would be waited for. Raises OSError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    return descriptor


def opener(path: str | Path, flags: int) -> int:
    """An opener for ``open()`` for writing: a new file gets the mode 0600, and a link is not followed. Raises OSError."""
    try:
        return regular(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _OTHERS:
            raise OSError(error.errno, f"{os.path.basename(path)} is not a plain file", str(path)) from None
        raise


def appending(path: Path) -> int:
    """The descriptor of a file that is appended to, made where it is missing. Raises OSError."""
    return opener(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def touch(path: Path) -> None:
    """Make an empty file; whatever has this name already, a dangling link too, stays as it is. Raises OSError."""
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
    """Make a folder and the missing ones above it, all with the mode 0700. Raises OSError."""
    missing, above = [], path
    while not os.path.lexists(above):
        missing.append(above)
        above = above.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # somebody else has made it just now
            folder.mkdir(mode=0o700)
    if not path.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
