"""The link to the terminal: how far the drawing is ahead of it."""

from __future__ import annotations

from textual.app import App

FULL = 2
"""More writes than this wait for the terminal only where the link is slower than the drawing, or stalled."""


def is_behind(app: App[object]) -> bool:
    """Whether what was drawn waits for the link. Drawing on would fill Textual's queue of writes and block the app."""
    # Textual has no public word for it; without one of these parts the app draws on, as it does without this.
    thread = getattr(app._driver, "_writer_thread", None)  # noqa: SLF001
    queue = getattr(thread, "_queue", None)
    return queue is not None and queue.qsize() > FULL
