"""The link to the terminal: how far the drawing is ahead of it, and what to do when it is gone."""

from __future__ import annotations

import os
import signal
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from textual.app import App

FULL = 2
"""More writes than this wait for the terminal only where the link is slower than the drawing, or stalled."""

PATIENCE_SECONDS = 2.0
"""How long the app may take to end in order once the link is gone."""


def is_behind(app: App[object]) -> bool:
    """Whether what was drawn waits for the link. Drawing on would fill Textual's queue of writes and block the app."""
    # Textual has no public word for it; without one of these parts the app draws on, as it does without this.
    thread = getattr(app._driver, "_writer_thread", None)  # noqa: SLF001
    queue = getattr(thread, "_queue", None)
    return queue is not None and queue.qsize() > FULL


def call_when_gone(end: Callable[[int], object]) -> None:
    """Call ``end`` with the exit code when SIGHUP or SIGTERM says that the link is gone; end the process where that fails.

    The app's event loop may wait for a stalled link for ever, and an asyncio handler with it: so this is a plain one.
    """
    terminal = termios.tcgetattr(0) if os.isatty(0) else None

    def gone(number: int, frame: FrameType | None) -> None:
        code = 128 + number
        watchdog = threading.Timer(PATIENCE_SECONDS, _end_for_sure, (code, terminal))
        watchdog.daemon = True
        watchdog.start()
        end(code)

    for hang_up in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(hang_up, gone)


def _end_for_sure(code: int, terminal: list[object] | None) -> None:
    if terminal is not None:
        with suppress(termios.error):  # where it is gone
            termios.tcsetattr(0, termios.TCSANOW, terminal)  # type: ignore[arg-type]  # as tcgetattr gave it
    os._exit(code)
