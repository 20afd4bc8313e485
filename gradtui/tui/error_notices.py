"""Show errors with a run or the home folder as notifications; the app keeps running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from textual.app import App

from gradtui.printing import printable
from gradtui.runs.saved_runs import UnknownRun
from gradtui.runs.state import DamagedRun

SHOWN = (OSError, DamagedRun, UnknownRun)
"""An unusable home folder raises an OSError, a deleted run a DamagedRun."""


@contextmanager
def errors_shown(app: App[int]) -> Iterator[None]:
    """Show an error as a notification instead of raising it. Can be used in any thread."""
    try:
        yield
    except SHOWN as error:
        app.notify(in_words(error), severity="error", markup=False)


def in_words(error: Exception) -> str:
    """The error in one printable line."""
    if isinstance(error, OSError) and error.errno and error.filename:
        return printable(f"{os.fsdecode(error.filename)}: {os.strerror(error.errno)}")
    return printable(error)
