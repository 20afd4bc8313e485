"""Find out whether the supervisor of a run is alive.

Under one kernel a lock tells: its holder is alive, because the kernel releases the lock when the process ends, however it
ends, and at a reboot. PIDs prove nothing, because they are reused.

Another machine that shares the home may not see the lock, because many network file systems do not propagate locks. So the
supervisor also touches the file every few seconds. How long ago that was is measured by the file server's clock, by touching
another file now. No machine's own clock is used, so it does not matter if one jumps.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from gradtui.private import opener
from gradtui.runs.safe_open import open_regular

STALE_SECONDS = 30.0
"""A supervisor on another machine counts as dead if it has not touched its file for this long; it does so every 2 s."""
LOCK_SECONDS = 10.0
"""How long to wait for readers, which hold the lock for microseconds when they check it."""


class Locked(OSError):
    """Another process holds the lock."""


@lru_cache(maxsize=1)
def boot_id() -> str | None:
    """The kernel's id of its current boot, which all its containers share; None if it is not known."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with suppress(OSError):
        asked = subprocess.run(["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False)
        return asked.stdout.strip() or None
    return None


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Hold the lock. Yields its file descriptor, which a process that outlives this one can inherit.

    Raises Locked if another process holds it.
    """
    with open(path, "a+", opener=opener) as file:
        if not _locked(file.fileno(), path):
            raise Locked(f"{path} is locked by another process")
        beat(path)
        yield file.fileno()


@contextmanager
def held_alone(path: Path) -> Iterator[int | None]:
    """Hold the lock, or yield None if another process does. Its file descriptor can be inherited, as in :func:`held`."""
    with open(path, "a+", opener=opener) as file:
        if _locked(file.fileno(), path):
            beat(path)
            yield file.fileno()
        else:
            yield None


def _locked(descriptor: int, path: Path) -> bool:
    """Take the lock. Also True if this file system has no locks; then only the heartbeat tells."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if is_held(path) or time.monotonic() > deadline:
                return False
            time.sleep(0.001)  # only a reader was checking it
        except OSError:
            return True
        else:
            return True


def beat(path: Path) -> None:
    """Touch the file as a heartbeat. Takes no disk space."""
    with suppress(OSError):
        os.utime(path, follow_symlinks=False)


def lives(path: Path, started_by: Path, boot: str | None, host: str | None) -> bool:
    """Whether the supervisor (it holds ``path``) or its starter (``started_by``) is alive, under that boot of that host."""
    same_kernel = boot == boot_id() if boot and boot_id() else host == platform.node()
    held = is_held(path) if same_kernel else None
    if held is not None:
        return held or bool(is_held(started_by))
    stale_seconds = STALE_SECONDS if host != platform.node() else min(STALE_SECONDS, _uptime())
    return _beats(path, stale_seconds) or _beats(started_by, stale_seconds)


def in_use(path: Path, started_by: Path) -> bool:
    """Whether a process holds one of the two locks; without locks, whether ``path`` beats. For a run of an unknown machine."""
    held = [is_held(lock) for lock in (path, started_by)]
    return any(held) or (held[0] is None and _beats(path, STALE_SECONDS))


def is_held(path: Path) -> bool | None:
    """Whether a process holds the lock; None if that is unknown. Readers do not block each other."""
    try:
        with open(path, "rb", opener=opener) as file:  # not for writing: the home may be read-only
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        return False if error.errno == errno.ELOOP else None  # a link: no supervisor made it
    return False


def _uptime() -> float:
    """Seconds since this machine booted: a supervisor on it with no later heartbeat did not survive the reboot."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _beats(path: Path, stale_seconds: float) -> bool:
    """Whether the file was touched less than ``stale_seconds`` ago."""
    try:
        with open_regular(path) as file:  # open() asks the server; stat() may be answered from a cache
            last = os.fstat(file.fileno()).st_mtime
    except OSError:
        return False
    try:
        with tempfile.NamedTemporaryFile(prefix=".now-", dir=path.parent) as file:
            os.utime(file.fileno())
            now = os.fstat(file.fileno()).st_mtime
    except OSError:
        return True  # a read-only home: trust run.json
    return abs(now - last) < stale_seconds  # also if the server's clock was set back
