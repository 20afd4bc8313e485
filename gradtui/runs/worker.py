"""One variant's process, as its supervisor sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from gradtui import private
from gradtui.printing import printable
from gradtui.runs.last_words import MOST_BYTES, why_it_aborted, why_it_ended
from gradtui.runs.leftovers import end_leftovers
from gradtui.runs.regular import last_bytes
from gradtui.runs.spawn import SIDE_MARK, command

HANG_SECONDS = 10.0
"""A worker that computes for so long and ends no turn is said to hang. A single step may take that long: it is only said."""

ASK_SECONDS, TERMINATE_SECONDS, ASK_SCRIPT_SECONDS = 1.0, 5.0, 4.0
"""How long a worker that was asked to stop may take before SIGTERM, and after that before SIGKILL. One that runs a
user's script ends it by itself: the script may have something to put in order."""

LEAVE_SECONDS = 10.0
"""How long a process may take to end once it has closed its pipes: python's and torch's own teardown can take seconds."""

UNANNOUNCED = "its process ended before it could say how"
WITHOUT_PIPES = "its process closed its pipes, or replaced itself by another program: what it did then cannot be recorded"


class Worker:
    """One variant's process. ``hangs`` says that no turn of it came to its end for HANG_SECONDS.

    It is alive until its process has ended, whatever has become of its pipes: a script may close them, or replace itself by
    another program.
    """

    def __init__(
        self,
        side: int,
        module: str = "gradtui.training.worker",
        environment: Mapping[str, str] = MappingProxyType({}),
        umask: int = -1,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        """``module`` is what it runs; ``environment`` are variables that it gets beside this process's own; ``umask`` is its
        own, where that is not -1; ``ask_seconds`` is how long it may take to stop before it is made to. One with a SIDE_MARK in
        its environment gets a session of its own, and the processes that it leaves behind can be ended with it.
        """
        self.side = side
        self._ask_seconds = ask_seconds
        self._asked = False
        self.ready = False
        self.computing = False
        self.ended = False
        self.hangs = False
        self.pipe_ended = False
        """There will be no more events from it."""
        self._mark = f"{SIDE_MARK}={environment[SIDE_MARK]}" if SIDE_MARK in environment else None
        self._early_words = _scratch()  # what it prints before it knows its log
        self.process = subprocess.Popen(
            command(module),
            env={**os.environ, **environment},
            umask=umask,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._early_words,
            start_new_session=self._mark is not None,
        )
        self._partial = b""
        self._not_before = 0.0
        self._turn_began = 0.0
        self._stop_began = 0.0
        self._pipe_ended_at = 0.0
        self._killed_without_pipes = False
        os.set_blocking(self.stdout.fileno(), False)

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def idle(self) -> bool:
        return self.ready and not (self.computing or self.ended or self.pipe_ended)

    @property
    def due(self) -> bool:
        """Whether it may compute, now that its pace allows it."""
        return self.idle and time.monotonic() >= self._not_before

    def give_turn(self, seconds: float, steps: int, pace: float = 0) -> None:
        """Let it compute for so long, at most so many steps; with a pace, the next turn is due when these are."""
        self.computing = True
        self._turn_began = time.monotonic()
        if pace:
            self._not_before = max(self._not_before, self._turn_began - 1 / pace) + steps / pace
        self.send(turn=seconds, steps=steps)

    def end_turn(self) -> None:
        """It said that it is done."""
        self.computing = self.hangs = False

    def look(self) -> None:
        """Find out whether it hangs; one that ended while it hung goes down as such."""
        if self.computing and time.monotonic() - self._turn_began > HANG_SECONDS:
            self.hangs = True

    def stop(self) -> bool:
        """Ask it to stop, and insist where it does not: to be called until it has ended. Whether force was used.

        One that is not ready has no rows yet and may be in a long import: it is not asked.
        """
        now = time.monotonic()
        self._stop_began = self._stop_began or now
        # One whose pipes have ended hears nothing: there is no point in waiting for its answer.
        waited = now - self._stop_began + (self._ask_seconds if self.pipe_ended else 0)
        if not self.ready:
            self._signal(signal.SIGKILL)
        elif not self._asked:
            self._asked = True
            if self.idle:
                self.computing, self._turn_began = True, now  # with its end
            self.send(stop=True)  # one that computes hears of it when its turn ends; one that runs a script, at once
            return False
        elif waited > self._ask_seconds + TERMINATE_SECONDS:
            self._signal(signal.SIGKILL)
        elif waited > self._ask_seconds:
            self._signal(signal.SIGTERM)
        else:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        """Its number is its own until :meth:`bury` reaps it."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    @property
    def exited(self) -> bool:
        """Whether its process has ended, found out without reaping it."""
        if self.process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def lingers(self) -> bool:
        """Whether its process lives on without pipes. One that does so for LEAVE_SECONDS is killed."""
        if self.exited:
            return False
        if time.monotonic() - self._pipe_ended_at > LEAVE_SECONDS:
            self._signal(signal.SIGKILL)
            self._killed_without_pipes = True
        return True

    def bury(self, log: Path, *, alone: bool) -> str:
        """Reap its process, which has exited; why it ended where it did not say so itself, in one line.

        ``log`` has its last words, or gets them. Unless it may leave processes ``alone``, those that it has started are ended,
        by name in the log.
        """
        if self._mark is not None and not alone:
            ended = end_leftovers(self.process.pid, self._mark)
            with suppress(OSError), open(log, "a", encoding="utf-8", errors="replace", opener=private.opener) as file:
                for pid, words in ended.items():
                    file.write(f"gradtui: ended process {pid}, which the script had started: {printable(words)[:200]}\n")
        self.ended, self.computing = True, False
        return self._how_it_died(log, self.process.wait())

    def send(self, **message: object) -> None:
        """Tell it something. A worker that has died is told in vain: the end of its output says so."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def events(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived. A script can write to any descriptor: what is no message is left out."""
        try:
            chunk = os.read(self.stdout.fileno(), 65_536)
        except BlockingIOError:
            return
        if not chunk:
            self.pipe_ended, self._pipe_ended_at = True, time.monotonic()
            self.computing = self.hangs = False
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict) and isinstance(message.get("event"), str):
                    yield message

    def _how_it_died(self, log: Path, code: int) -> str:
        words = last_bytes(log, MOST_BYTES)
        if not words:  # it ended before it could open its log, or cannot
            self._early_words.seek(0)
            words = self._early_words.read()
            with suppress(OSError), open(log, "xb", opener=private.opener) as file:
                file.write(words)
        if self._killed_without_pipes:
            return WITHOUT_PIPES
        if code == -signal.SIGABRT and (why := why_it_aborted(words)):
            return f"{why} (killed by SIGABRT)"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        if code == 0:
            return UNANNOUNCED
        return why_it_ended(words) or f"its process ended with exit code {code}"


def _scratch() -> IO[bytes]:
    """A file that has no name; where there is no room for one, what is written to it is lost."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")
