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
from typing import TextIO

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A full disk, a used-up quota, a file that may not grow any more."""


@contextmanager
def replacing(path: Path, *, overwrite: bool = True) -> Iterator[TextIO]:
    """A text file that takes the place of ``path`` when the block ends well; until then ``path`` is untouched.

    Where the file system allows it, the file has no name before it is whole, so that a process that is killed leaves
    nothing behind.

    Raises FileExistsError where ``path`` exists and ``overwrite`` is off, also when it appeared meanwhile.
    """
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(path)
    descriptor, temporary = _nameless_file(path.parent), None
    if descriptor is None:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with open(descriptor, "w+", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if temporary is None:
                temporary = str(path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}"))
                _give_name(file.fileno(), temporary)
        if overwrite:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # unlike a rename, this fails where the path has come into being
            os.unlink(temporary)
    except BaseException:  # also when interrupted: no half-written file is left, and the error goes on
        if temporary is not None:
            with suppress(FileNotFoundError):
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
        with open(name, "xb", opener=_private) as copy, open(f"/proc/self/fd/{descriptor}", "rb") as whole:
            shutil.copyfileobj(whole, copy)
            copy.flush()
            os.fsync(copy.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
