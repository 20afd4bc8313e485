"""Notices exits that python does not report: os._exit(), and exec, which replaces the program.

An exit through C alone (a library calls ``exit()``, a fatal signal) goes unnoticed. Processes that the script forks are not
affected.
"""

from __future__ import annotations

import contextlib
import operator
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
    """What to print once the new program has ended, to which file, and the exit code if that program's is 0."""

    text: bytes
    file: int | None
    code: int


class Ends:
    """Intercepts these exits. ``at_exit`` gets an exit code and returns the one to use; ``at_exec`` gets exec's arguments.

    Neither may raise anything. After ``at_exec`` returns, exec proceeds.
    """

    def __init__(self, at_exit: Callable[[int], int], at_exec: Callable[[Any, Any, Mapping[Any, Any]], None]) -> None:
        self._at_exit, self._at_exec = at_exit, at_exec
        self._process = os.getpid()
        self._exit, self._execv, self._execve = os._exit, os.execv, os.execve

    def watch(self) -> None:
        """Intercept exits from now on. (All os.exec* functions end up in execv or execve.)"""

        def _exit(status: int) -> NoReturn:
            if os.getpid() == self._process and (code := _as_c_int(status)) is not None:
                status = self._at_exit(code & 0xFF)
            self._exit(status)

        def execv(path: Any, argv: Any, /) -> NoReturn:
            if os.getpid() == self._process and _can_be_run(path):
                self._at_exec(path, argv, os.environ)
            self._execv(path, argv)

        def execve(path: Any, argv: Any, env: Any) -> NoReturn:
            if os.getpid() == self._process and _can_be_run(path):
                self._at_exec(path, argv, env)
            self._execve(path, argv, env)

        for mine in (_exit, execv, execve):
            theirs = getattr(posix, mine.__name__)
            mine.__module__, mine.__qualname__, mine.__doc__ = theirs.__module__, theirs.__qualname__, theirs.__doc__
            for module in (os, posix):
                setattr(module, mine.__name__, mine)


def _as_c_int(status: Any) -> int | None:
    """The exit status as os._exit() takes it; None if it raises an error instead."""
    try:
        number = operator.index(status)
    except Exception:  # noqa: BLE001 (the script's own __index__; os._exit() meets the same error)
        return None
    return number if -(2**31) <= number < 2**31 else None


def _can_be_run(program: Any) -> bool:
    """Whether exec can be expected to succeed; os.execvp() tries one folder after the other."""
    if isinstance(program, int):
        return True
    try:
        return os.path.isfile(program) and os.access(program, os.X_OK)
    except (TypeError, ValueError):
        return False


def name_of(program: Any) -> str:
    """The program that exec was given, as text."""
    return os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else str(program)


def run_and_wait(path: Any, argv: Any, env: Mapping[Any, Any], last_words: Callable[[], LastWords]) -> None:
    """Run the program as a child in place of exec, and let what is left of this process wait for it.

    A process whose program is replaced cannot print anything more, and its exit code is the new program's. The small process
    that waits passes signals on, prints the last words, and exits with the exit code. Returns if the program cannot be started,
    so that exec reports why.
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
        if sys.executable:  # wait in a small process, which holds no model and no GPU
            numbers = [str(number) for number in (child, words.code, text, out)]
            posix_execve(sys.executable, [sys.executable, "-I", "-S", str(Path(waiter.__file__)), *numbers], os.environ)
    waiter.wait(child, words.code, text, out)


posix_execve = os.execve
"""The original execve, even if something replaces the name in os."""


def _inherited_file(text: bytes) -> int:
    """Descriptor of an unnamed file that holds the text and survives exec; -1 if there is no room for one."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(text)
            file.seek(0)
            number = os.dup(file.fileno())
        os.set_inheritable(number, True)
    except OSError:
        return -1
    return number
