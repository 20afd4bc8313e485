"""Reserve disk space, so that the end of a run or a sweep can be written even if the disk is full."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gradtui import private

RESERVE = 16_384  # bytes


def reserve(folder: Path) -> None:
    """Reserve the space in a file in ``folder``."""
    path = folder / "reserve"
    with suppress(OSError):
        path.unlink(missing_ok=True)  # it may be a link to another file
        with open(path, "xb", opener=private.opener) as file:
            file.write(os.urandom(RESERVE))  # random: no file system can compress it or leave it sparse


def release(folder: Path) -> None:
    """Free the space."""
    with suppress(OSError):
        (folder / "reserve").unlink()
