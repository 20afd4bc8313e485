"""Entries in the home that are not runs: folders being created or deleted, and what killed processes left behind."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gradtui.runs.liveness import is_held

NEW, WARM, CONDEMNED = ".new-", ".warm-", ".deleted-"
"""Name prefixes of a run folder being created, of a warm supervisor's lock, and of a run being deleted."""

LEFT_SECONDS = 3600.0
"""An older folder was left behind: creating or deleting one takes milliseconds. So was an older lock that is not held."""


@contextmanager
def nameless_folder(runs: Path) -> Iterator[Path]:
    """Create a folder that no reader sees; it is removed unless it is renamed. Also removes old leftovers."""
    nameless = Path(tempfile.mkdtemp(prefix=NEW, dir=runs))
    try:
        _remove_leftovers(runs, now=nameless.stat().st_mtime)  # by the file server's clock
        yield nameless
    finally:
        shutil.rmtree(nameless, ignore_errors=True)


def _remove_leftovers(runs: Path, now: float) -> None:
    """Remove what killed processes left behind, by name and age; what cannot be removed stays."""
    hidden: list[os.DirEntry[str]] = []
    with suppress(OSError), os.scandir(runs) as entries:
        hidden += (entry for entry in entries if entry.name.startswith((NEW, WARM, CONDEMNED)))
    for entry in hidden:
        with suppress(OSError):
            found = entry.stat(follow_symlinks=False)
            if now - found.st_mtime < LEFT_SECONDS:
                continue
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif not is_held(Path(entry.path)):
                os.unlink(entry.path)
