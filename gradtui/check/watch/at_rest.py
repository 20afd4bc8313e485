"""Waits until no other thread runs the watcher's hooks, so that they can be set or removed.

Torch iterates over the very dict that holds its global hooks; to change it meanwhile would be an error in the script's thread.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import FrameType

LONGEST_WAIT = 1.0
"""In seconds: another thread may be stopped inside a hook, say by a debugger."""
_CHECK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_HOOKS = tuple(os.path.join(_CHECK, room, "") for room in ("watch", "torch"))


def wait_for_hooks() -> None:
    """Return once no other thread is inside one of our hooks, or after LONGEST_WAIT."""
    if threading.active_count() == 1:
        return
    deadline = time.monotonic() + LONGEST_WAIT
    while _others_are_inside() and time.monotonic() < deadline:
        time.sleep(0.0002)


def _others_are_inside() -> bool:
    mine = threading.get_ident()
    frames = sys._current_frames()  # noqa: SLF001 (documented, despite its name)
    return any(_is_inside(frame) for thread, frame in frames.items() if thread != mine)


def _is_inside(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_HOOKS):
            return True
        frame = frame.f_back
    return False
