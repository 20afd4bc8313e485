"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

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
    untouched."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            sync(file)
        os.replace(temporary, path)
    except BaseException:  # also when interrupted: no half-written file is left, and the error goes on
        with suppress(OSError):
            os.unlink(temporary)
        raise
