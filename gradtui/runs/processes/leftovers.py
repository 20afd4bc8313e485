"""Find and end the processes that a user's script started and left running."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from gradtui import private
from gradtui.printing import printable

TERMINATE_SECONDS = 0.5
"""How long these processes may take to end after SIGTERM, before SIGKILL."""
KILL_SECONDS = 2.0
"""How long to keep killing: a process that spawns others faster than they can be killed must not block the supervisor."""
POLL_SECONDS = 0.02
WIND_UP_SECONDS = 0.3
"""How long processes that need no ending may take to end after the one that started them."""
ONLY_WHOLE_GROUPS = not Path("/proc/self").exists()
"""Whether, as on macOS, only a whole process group can be ended, its leader included."""


def find_leftovers(group: int, mark: str) -> dict[int, str]:
    """Find the live processes that are in a process group or have ``mark`` in their environment; needs /proc.

    ``mark`` has the form NAME=VALUE; it also finds processes that started their own session. Returns the command line of
    each process by PID.
    """
    found = {}
    for entry in Path("/proc").glob("[1-9]*"):
        pid = int(entry.name)
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile, or belongs to another user
            state, _, its_group = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
            if state in ("Z", "X") or pid == os.getpid():
                continue
            if int(its_group) == group or mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
                found[pid] = words.decode(errors="replace") or (entry / "comm").read_text(errors="replace").strip()
    return found


def lasting_leftovers(group: int, mark: str) -> dict[int, str]:
    """Find the processes that :func:`find_leftovers` finds and that do not end by themselves within WIND_UP_SECONDS."""
    deadline = time.monotonic() + WIND_UP_SECONDS
    while (left := find_leftovers(group, mark)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


def end_leftovers(group: int, mark: str) -> dict[int, str]:
    """End the processes that :func:`find_leftovers` finds, with SIGTERM and then SIGKILL; return them.

    Call it before the leader of ``group`` is reaped: after that, another group can get its number. Takes at most
    KILL_SECONDS.
    """
    ended = find_leftovers(group, mark)
    if ONLY_WHOLE_GROUPS:  # macOS: only the group, without command lines
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


def end_leftovers_and_log(group: int, mark: str, log: Path) -> None:
    """End what :func:`find_leftovers` finds, and list it in a log."""
    ended = end_leftovers(group, mark)
    with suppress(OSError), open(log, "a", encoding="utf-8", errors="replace", opener=private.opener) as file:
        for pid, words in ended.items():
            file.write(f"gradtui: ended process {pid}, which the script had started: {printable(words)[:200]}\n")
