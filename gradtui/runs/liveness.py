"""Whether the supervisor of a run lives.

Under one kernel a lock tells: whoever holds it lives, as the kernel takes it from a process that ends, in whatever way, and
from all of them at a reboot. Process numbers tell nothing: they are used again.

Another machine that shares the home may not see the lock: many network file systems keep it to themselves. So the
supervisor also touches the file every few seconds, and how long ago that was is read off the file server's clock, by
touching another file now. No machine's own clock counts, nor does it matter when one jumps.
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
"""A supervisor of another machine that has not touched its file for so long is taken for dead. It does so every 2 s."""
LOCK_SECONDS = 10.0
"""How long to wait for readers, who hold the lock for microseconds when they look."""


class Locked(OSError):
    """Another process holds the lock."""


@lru_cache(maxsize=1)
def boot_id() -> str | None:
    """This start of this kernel, by the name that the kernel gives it; all containers on it share it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with suppress(OSError):
        asked = subprocess.run(["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False)
        return asked.stdout.strip() or None
    return None


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Be alive; the file descriptor that holds the lock can be handed down to a process that outlives this one.

    Raises Locked where another process holds it.
    """
    with open(path, "a+", opener=opener) as file:
        if not _locked(file.fileno(), path):
            raise Locked(f"{path} is locked by another process")
        beat(path)
        yield file.fileno()


@contextmanager
def held_alone(path: Path) -> Iterator[int | None]:
    """Be alive, unless somebody else holds the lock: then None. The file descriptor can be handed down, as :func:`held`'s."""
    with open(path, "a+", opener=opener) as file:
        if _locked(file.fileno(), path):
            beat(path)
            yield file.fileno()
        else:
            yield None


def _locked(descriptor: int, path: Path) -> bool:
    """Whether the lock could be taken, or there are none on this file system: then the heartbeat must do."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if is_held(path) or time.monotonic() > deadline:
                return False
            time.sleep(0.001)  # it was only a reader that looked
        except OSError:
            return True
        else:
            return True


def beat(path: Path) -> None:
    """Still alive. Takes no room on the disk."""
    with suppress(OSError):
        os.utime(path, follow_symlinks=False)


def lives(path: Path, started_by: Path, boot: str | None, host: str | None) -> bool:
    """Whether the supervisor lives whose file ``path`` is, or whoever is starting it, under that boot of that host."""
    same_kernel = boot == boot_id() if boot and boot_id() else host == platform.node()
    held = is_held(path) if same_kernel else None
    if held is not None:
        return held or bool(is_held(started_by))
    stale_seconds = STALE_SECONDS if host != platform.node() else min(STALE_SECONDS, _uptime())
    return _beats(path, stale_seconds) or _beats(started_by, stale_seconds)


def in_use(path: Path, started_by: Path) -> bool:
    """Whether somebody holds one of the two locks; without locks, whether ``path`` beats. For a run of an unknown machine."""
    held = [is_held(lock) for lock in (path, started_by)]
    return any(held) or (held[0] is None and _beats(path, STALE_SECONDS))


def is_held(path: Path) -> bool | None:
    """Whether somebody holds the lock; None where that cannot be told. Readers do not get into each other's way."""
    try:
        with open(path, "rb", opener=opener) as file:  # not for writing: the home may be read-only
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        return False if error.errno == errno.ELOOP else None  # a link is no supervisor's
    return False


def _uptime() -> float:
    """Seconds since this machine was booted: who has not beaten since then, here, did not outlive it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _beats(path: Path, stale_seconds: float) -> bool:
    """Whether the file was touched less than so long ago."""
    try:
        with open_regular(path) as file:  # to open it asks the server; a look at it may be answered from memory
            last = os.fstat(file.fileno()).st_mtime
    except OSError:
        return False
    try:
        with tempfile.NamedTemporaryFile(prefix=".now-", dir=path.parent) as file:
            os.utime(file.fileno())
            now = os.fstat(file.fileno()).st_mtime
    except OSError:
        return True  # a home that one may only read: what run.json says stands
    return abs(now - last) < stale_seconds  # also where the server's clock was set back
