"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
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

    Raises FileExistsError where ``path`` exists and ``overwrite`` is off, also when it appeared meanwhile.
    """
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(path)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # unlike a rename, this fails where the path has come into being
            os.unlink(temporary)
    except BaseException:  # also when interrupted: no half-written file is left, and the error goes on
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
