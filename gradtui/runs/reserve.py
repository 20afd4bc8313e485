"""Room on the disk, kept free so that an end can be written when the disk is full."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gradtui import private

RESERVE = 16_384  # bytes


def reserve(folder: Path) -> None:
    """Take the room, in a file of ``folder``."""
    path = folder / "reserve"
    with suppress(OSError):
        path.unlink(missing_ok=True)  # it may be a name of some other file
        with open(path, "xb", opener=private.opener) as file:
            file.write(os.urandom(RESERVE))  # nothing that a file system can leave out or compress


def release(folder: Path) -> None:
    """Give the room back."""
    with suppress(OSError):
        (folder / "reserve").unlink()
