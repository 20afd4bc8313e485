"""Notices the ends of a process that python tells nobody of: os._exit(), and exec, which puts another program in its place.

What leaves through C alone (``exit()`` called by a library, a fatal signal) is not noticed. Nothing of this happens in
processes that the script forks.
"""

from __future__ import annotations

import contextlib
import os
import posix
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gradtui.script import waiter


@dataclass(frozen=True)
class LastWords:
    """What is to be said once the new program has ended: to which file, and the exit code if that program's is 0."""

    text: bytes
    file: int | None
    code: int


class Ends:
    """``at_exit`` is told an exit code and gives the one to end with. ``at_exec`` gets what exec has got; then exec goes on.

    Neither may raise anything.
    """

    def __init__(self, at_exit: Callable[[int], int], at_exec: Callable[[Any, Any, Mapping[Any, Any]], None]) -> None:
        self._at_exit, self._at_exec = at_exit, at_exec
        self._process = os.getpid()
        self._exit, self._execv, self._execve = os._exit, os.execv, os.execve

    def watch(self) -> None:
        """Notice these ends from now on. (All of os.exec* end up in these two.)"""

        def _exit(status: int) -> NoReturn:
            if os.getpid() == self._process and isinstance(status, int) and abs(status) < 2**31:
                status = self._at_exit(status & 0xFF)
            self._exit(status)

        def execv(path: Any, argv: Any, /) -> NoReturn:
            if os.getpid() == self._process:
                self._at_exec(path, argv, os.environ)
            self._execv(path, argv)

        def execve(path: Any, argv: Any, env: Any) -> NoReturn:
            if os.getpid() == self._process:
                self._at_exec(path, argv, env)
            self._execve(path, argv, env)

        for mine in (_exit, execv, execve):
            theirs = getattr(posix, mine.__name__)
            mine.__module__, mine.__qualname__, mine.__doc__ = theirs.__module__, theirs.__qualname__, theirs.__doc__
            for module in (os, posix):
                setattr(module, mine.__name__, mine)


def name_of(program: Any) -> str:
    """What exec was told to run, in words."""
    return os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else str(program)


def run_and_wait(path: Any, argv: Any, env: Mapping[Any, Any], last_words: Callable[[], LastWords]) -> None:
    """Run the program as a child in place of exec, and let what is left of this process wait for it.

    A process whose program is replaced can say nothing more, and its exit code is the new program's. The small process that
    waits passes signals on, says the last words, and ends with the exit code. Returns if the program cannot be started:
    exec is to say why.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, waiter.SIGNALS)
    try:
        program = f"/dev/fd/{path}" if isinstance(path, int) else path
        child = os.posix_spawn(program, argv, env, setsigmask=blocked)
    except (OSError, TypeError, ValueError):
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return
    words = last_words()
    out = -1 if words.file is None else words.file
    text = _inherited_file(words.text)
    with contextlib.suppress(OSError):
        if out >= 0:
            os.set_inheritable(out, True)
        if sys.executable:  # a small process waits, which holds no model and no GPU
            numbers = [str(number) for number in (child, words.code, text, out)]
            posix_execve(sys.executable, [sys.executable, "-I", "-S", str(Path(waiter.__file__)), *numbers], os.environ)
    waiter.wait(child, words.code, text, out)


posix_execve = os.execve
"""Exec itself, whoever replaces the name in os."""


def _inherited_file(text: bytes) -> int:
    """A file without a name that holds the text and outlives exec; -1 where there is no room for one."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(text)
            file.seek(0)
            number = os.dup(file.fileno())
        os.set_inheritable(number, True)
    except OSError:
        return -1
    return number
