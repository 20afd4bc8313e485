"""Files that are whole or not there."""

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
"""A full disk, a used-up quota, a file that may not grow any more."""
NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""How file systems say that they do not know fsync."""


def reason(error: OSError, path: Path | str | None = None) -> str:
    """What the system says of an error; a disk that has space but no inodes left, where ``path`` lies, is told as such."""
    words = error.strerror or str(error)
    return f"{words}: no free inodes" if error.errno == errno.ENOSPC and path is not None and _no_inodes(path) else words


def _no_inodes(path: Path | str) -> bool:
    """Whether the file system of ``path``, which need not exist, has used up its inodes."""
    for place in (path, os.path.dirname(path)):
        with suppress(OSError):
            disk = os.statvfs(place)
            return disk.f_files > 0 and disk.f_favail == 0
    return False


def sync(file: IO[Any]) -> None:
    """Have the file on the disk, where the file system can say when it is. Raises OSError where it cannot be written."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file, its user's alone, that takes the place of ``path`` when the block ends well; until then ``path`` is
    untouched.

    Where the file system allows it, the file has no name before it is whole: a process that is killed leaves nothing behind.
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
    except BaseException:  # also when interrupted: no half-written file is left, and the error goes on
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        raise


def _nameless_file(folder: Path) -> int | None:
    """A new file without a name, which goes with its descriptor; None where the system has no such files."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not os.path.exists("/proc/self/fd"):
        return None
    try:
        return os.open(folder, flag | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _give_name(descriptor: int, name: str) -> None:
    """Name a nameless file that is whole, for the moment before it takes another's place."""
    try:
        # os.link follows the link to the file only where it is given a folder, which an absolute path does without.
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor, follow_symlinks=True)
    except OSError:  # a file system that has such files and cannot name them
        with open(name, "xb", opener=private.opener) as copy, open(f"/proc/self/fd/{descriptor}", "rb") as whole:
            shutil.copyfileobj(whole, copy)
            copy.flush()
            sync(copy)
