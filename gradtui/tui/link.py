"""The link to the terminal: whether drawing is ahead of it, and what to do when it is gone."""

from __future__ import annotations

import os
import signal
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from textual.app import App

from gradtui.tui.library_internals import queued_writes

FULL = 2
"""More queued writes than this mean that the link is slower than the drawing, or stalled."""

PATIENCE_SECONDS = 2.0
"""How long the app may take to exit cleanly once the link is gone."""


def is_behind(app: App[object]) -> bool:
    """Whether what was drawn is waiting for the link. Drawing more would fill Textual's write queue and block the app."""
    return queued_writes(app) > FULL


def call_when_gone(end: Callable[[int], object]) -> None:
    """Call ``end`` with the exit code when SIGHUP or SIGTERM says that the link is gone; if that fails, end the process.

    This is a plain signal handler, as the app's event loop, and an asyncio handler with it, may wait for a stalled link
    forever.
    """
    terminal = termios.tcgetattr(0) if os.isatty(0) else None

    def gone(number: int, frame: FrameType | None) -> None:
        code = 128 + number
        watchdog = threading.Timer(PATIENCE_SECONDS, _end_process, (code, terminal))
        watchdog.daemon = True
        watchdog.start()
        end(code)

    for hang_up in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(hang_up, gone)


def _end_process(code: int, terminal: list[object] | None) -> None:
    if terminal is not None:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(0, termios.TCSANOW, terminal)  # type: ignore[arg-type]  # as tcgetattr returned it
    os._exit(code)
