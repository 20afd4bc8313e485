"""How gradtui starts its own processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

import gradtui

_START = Path(gradtui.__file__).resolve().with_name("start.py")

SIDE_MARK = "GRADTUI_SIDE"
"""The environment variable that marks a user's script and all processes that it starts."""


def command(module: str, *arguments: str | Path) -> list[str]:
    """The command line that runs ``module``'s ``main()`` in a new process of this Python interpreter.

    The process imports this same gradtui, and nothing from its working directory.
    """
    return [sys.executable, str(_START), module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of a process that is not part of a user's script, even if a script starts it."""
    return {name: value for name, value in os.environ.items() if name != SIDE_MARK}


def spawn(
    module: str,
    *arguments: str | Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    cwd: Path | None = None,
    detached: bool = False,
    pass_fds: Sequence[int] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
    umask: int = -1,
) -> subprocess.Popen[bytes]:
    """Run ``module``'s ``main()`` in a new process, which never has the terminal as its input or output.

    A ``detached`` one gets its own session, so it survives the terminal. It inherits ``pass_fds`` and this process's
    environment with ``variables`` added; ``umask`` is its umask, unless -1. Raises OSError.
    """
    return subprocess.Popen(
        command(module, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env={**environment(), **variables},
        start_new_session=detached,
        pass_fds=pass_fds,
        umask=umask,
    )


STOPPING = (signal.SIGTERM, signal.SIGINT)
"""The signals that stop a run."""


@contextmanager
def holding_back_stops() -> Iterator[None]:
    """Start a supervisor in this block: a signal that stops it reaches it once it can obey."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
