"""Find and end the processes that a user's script started and left running."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
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
"""How long processes may take to end by themselves after the one that started them."""
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
                found[pid] = _command_line(entry)
    return found


def _command_line(entry: Path) -> str:
    words = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
    return words.decode(errors="replace") or (entry / "comm").read_text(errors="replace").strip()


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
    if ONLY_WHOLE_GROUPS:  # macOS: only the group, without command lines
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        return {}
    return _end(lambda: find_leftovers(group, mark))


def _end(find: Callable[[], dict[int, str]]) -> dict[int, str]:
    """End what ``find`` finds, until it finds nothing more or KILL_SECONDS have passed."""
    ended = find()
    began = time.monotonic()
    left, number = ended, signal.SIGTERM
    while left and time.monotonic() - began < KILL_SECONDS:
        for pid in left:
            with suppress(OSError):
                os.kill(pid, number)
        deadline = time.monotonic() + (TERMINATE_SECONDS if number == signal.SIGTERM else POLL_SECONDS)
        while (left := find()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        ended = {**left, **ended}
        number = signal.SIGKILL
    return ended


def end_leftovers_and_log(group: int, mark: str, log: Path) -> None:
    """End what :func:`find_leftovers` finds, and list it in a log."""
    log_ended(log, end_leftovers(group, mark))


def log_ended(log: Path, ended: Mapping[int, str]) -> None:
    """List in a log the processes that were ended."""
    with suppress(OSError), open(log, "a", encoding="utf-8", errors="replace", opener=private.opener) as file:
        for pid, words in ended.items():
            file.write(f"gradtui: ended process {pid}, which the script had started: {printable(words)[:200]}\n")


SET_CHILD_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER, in Linux's prctl.h."""


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, so that :func:`end_descendants` finds daemons too.

    Does nothing except on Linux.
    """
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(spared: Collection[int]) -> None:
    """Reap the adopted processes that have ended; ``spared`` are PIDs that someone else reaps."""
    with suppress(ChildProcessError):
        while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and dead.si_pid not in spared:
            os.waitpid(dead.si_pid, os.WNOHANG)


def end_descendants(spared: Collection[int]) -> dict[int, str]:
    """End this process's descendants, but not the ``spared`` ones nor theirs; return them. Needs /proc."""
    return _end(lambda: _descendants(spared))


def _descendants(spared: Collection[int]) -> dict[int, str]:
    """The live descendants of this process, by PID."""
    children: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").glob("[1-9]*"):
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in ("Z", "X"):
                children.setdefault(int(parent), []).append((int(entry.name), _command_line(entry)))
    found: dict[int, str] = {}
    parents = [os.getpid()]
    while parents:
        for pid, words in children.get(parents.pop(), ()):
            if pid not in spared:
                found[pid] = words
                parents.append(pid)
    return found
