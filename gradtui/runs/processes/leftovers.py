"""The processes that a user's script has started and that are still there when it must end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

TERMINATE_SECONDS = 0.5
"""How long these processes may take to end after SIGTERM; then SIGKILL follows."""
KILL_SECONDS = 2.0
"""How long to go on killing: one that starts others faster than they can be killed must not hold the supervisor up."""
POLL_SECONDS = 0.02


def find_leftovers(group: int, mark: str) -> dict[int, str]:
    """The live processes of a process group and, where there is /proc, all others with ``mark`` in their environment.

    ``mark`` reads NAME=VALUE; it finds a process that has made a session of its own, too. By process number, the command
    line of each.
    """
    found = {}
    for entry in Path("/proc").glob("[1-9]*"):
        pid = int(entry.name)
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile, or is another user's
            state, _, its_group = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
            if state in ("Z", "X") or pid == os.getpid():
                continue
            if int(its_group) == group or mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
                found[pid] = words.decode(errors="replace") or (entry / "comm").read_text(errors="replace").strip()
    return found


def end_leftovers(group: int, mark: str) -> dict[int, str]:
    """End what :func:`find_leftovers` finds, by SIGTERM and then SIGKILL; what that was.

    To be called while ``group`` cannot be another's: before its leader is reaped. Takes KILL_SECONDS at most.
    """
    ended = find_leftovers(group, mark)
    if not Path("/proc/self").exists():  # macOS: the group alone, and without names
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        return ended
    began = time.monotonic()
    left, number = ended, signal.SIGTERM
    while left and time.monotonic() - began < KILL_SECONDS:
        for pid in left:
            with suppress(OSError):
                os.kill(pid, number)
        deadline = time.monotonic() + (TERMINATE_SECONDS if number == signal.SIGTERM else POLL_SECONDS)
        while (left := find_leftovers(group, mark)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        ended = {**left, **ended}
        number = signal.SIGKILL
    return ended
