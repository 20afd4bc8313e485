"""The one place where trouble with a run or with the home becomes a line on the screen; the app goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from textual.app import App

from gradtui.printing import printable
from gradtui.runs.folder import UnknownRun
from gradtui.runs.state import DamagedRun

TROUBLE = (OSError, DamagedRun, UnknownRun)
"""A home that cannot be used is an OSError, a deleted run a DamagedRun."""


@contextmanager
def telling(app: App[int]) -> Iterator[None]:
    """Tell of trouble in a notification instead of raising it. May be used in any thread."""
    try:
        yield
    except TROUBLE as error:
        app.notify(in_words(error), severity="error", markup=False)


def in_words(error: Exception) -> str:
    """The error in one printable line."""
    if isinstance(error, OSError) and error.errno and error.filename:
        return printable(f"{os.fsdecode(error.filename)}: {os.strerror(error.errno)}")
    return printable(error)
