"""Write files atomically: complete or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from gradtui import private

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A full disk, an exhausted quota, a file at its size limit."""
NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""Errors of file systems that do not support fsync."""


def reason(error: OSError, path: Path | str | None = None) -> str:
    """The system's message for an error; points out if the disk of ``path`` is out of inodes rather than of space."""
    words = error.strerror or str(error)
    return f"{words}: no free inodes" if error.errno == errno.ENOSPC and path is not None and _no_inodes(path) else words


def _no_inodes(path: Path | str) -> bool:
    """Whether the file system of ``path``, which need not exist, has no free inodes."""
    for place in (path, os.path.dirname(path)):
        with suppress(OSError):
            disk = os.statvfs(place)
            return disk.f_files > 0 and disk.f_favail == 0
    return False


def sync(file: IO[Any]) -> None:
    """Flush a file to disk, if the file system supports that. Raises OSError if it cannot be written."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Yield a text file, private to its user, that replaces ``path`` if the block succeeds; until then ``path`` is untouched.

    If the file system allows it, the file has no name until it is complete, so that a killed process leaves nothing behind.
    """
    descriptor, temporary = _nameless_file(path.parent), None
    if descriptor is None:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with open(descriptor, "w+", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            sync(file)
            if temporary is None:
                temporary = str(path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}"))
                _give_name(file.fileno(), temporary)
        os.replace(temporary, path)
    except BaseException:  # also on an interrupt: leave no half-written file
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        raise


def _nameless_file(folder: Path) -> int | None:
    """Create a file without a name, which vanishes with its descriptor; None if the system has no such files."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not os.path.exists("/proc/self/fd"):
        return None
    try:
        return os.open(folder, flag | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _give_name(descriptor: int, name: str) -> None:
    """Give a complete nameless file a name, just before it replaces another file."""
    try:
        # os.link follows the link to the file only if it gets a src_dir_fd, which an absolute path ignores.
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor, follow_symlinks=True)
    except OSError:  # the file system has nameless files but cannot name them
        with open(name, "xb", opener=private.opener) as copy, open(f"/proc/self/fd/{descriptor}", "rb") as whole:
            shutil.copyfileobj(whole, copy)
            copy.flush()
            sync(copy)
