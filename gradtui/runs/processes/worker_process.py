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
from gradtui.runs.processes.last_words import MOST_BYTES, has_traceback, why_it_aborted, why_it_ended
from gradtui.runs.processes.leftovers import end_leftovers_and_log, lasting_leftovers
from gradtui.runs.processes.spawn import SIDE_MARK, spawn
from gradtui.runs.safe_open import last_bytes

HANG_SECONDS = 10.0
"""A worker whose turn takes longer is reported as hanging. It is only reported, because a single step may take that long."""

ASK_SECONDS, TERMINATE_SECONDS, ASK_SCRIPT_SECONDS = 1.0, 5.0, 4.0
"""How long a worker may take to stop before SIGTERM, and after that before SIGKILL. A worker that runs a user's script
ends the script itself and gets more time, because the script may have to clean up."""

LEAVE_SECONDS = 10.0
"""How long a process may take to end after it closes its pipes: Python's and torch's teardown can take seconds."""

PIPES_SECONDS = 0.05
"""A process that is there this long after its pipes have closed has closed them itself: a process that ends takes both
along at once."""

LONGEST_LIST = 900
"""Most characters of a list of processes that were left running."""

UNANNOUNCED = "its process ended before it could say how"
WITHOUT_PIPES = "its process closed its pipes, or replaced itself by another program: what it did then cannot be recorded"


class WorkerProcess:
    """One variant's process. ``hangs`` means that its turn has lasted longer than HANG_SECONDS since its training began.

    It is alive until its process has ended, regardless of its pipes: a script may close them, or replace itself by another
    program.
    """

    def __init__(
        self,
        side: int,
        module: str = "gradtui.training.worker",
        environment: Mapping[str, str] = MappingProxyType({}),
        umask: int = -1,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        """Start a process that runs ``module``.

        ``environment`` has variables to add to this process's environment; ``umask`` is its umask, unless -1;
        ``ask_seconds`` is how long it may take to stop before it is forced to. With a SIDE_MARK in ``environment`` it gets
        its own session, and the processes it leaves behind can be ended with it.
        """
        self.side = side
        self._ask_seconds = ask_seconds
        self._asked = False
        self.ready = False
        self.computing = False
        self._trains = False
        self.ended = False
        self.hangs = False
        self.pipe_ended = False
        """There will be no more events from it."""
        self.leaving = False
        """It has reported its end, or can no longer report anything; its process may still be there."""
        self._mark = f"{SIDE_MARK}={environment[SIDE_MARK]}" if SIDE_MARK in environment else None
        self.left_alone: list[int] = []
        """The PIDs of the processes that it started and that were left running after its end."""
        self._early_words = _scratch()  # what it prints before it knows its log
        self.process = spawn(
            module,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._early_words,
            detached=self._mark is not None,
            variables=environment,
            umask=umask,
        )
        self._partial = b""
        self._not_before = 0.0
        self._turn_began = 0.0
        self._stop_began = 0.0
        self._leaving_since = 0.0
        self._reported_end = False
        self._killed_without_pipes = self._outlived_its_pipes = False
        os.set_blocking(self.stdout.fileno(), False)

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def idle(self) -> bool:
        return self.ready and not (self.computing or self.ended or self.leaving)

    @property
    def due(self) -> bool:
        """Whether it is idle and its pace allows the next turn."""
        return self.idle and time.monotonic() >= self._not_before

    def give_turn(self, seconds: float, steps: int, pace: float = 0) -> None:
        """Grant a turn of at most ``seconds`` and ``steps``. A ``pace`` (steps per second) delays the next turn accordingly."""
        self.computing = True
        self._turn_began = time.monotonic()
        if pace:
            self._not_before = max(self._not_before, self._turn_began - 1 / pace) + steps / pace
        self.send(turn=seconds, steps=steps)

    def begin_training(self) -> None:
        """Record that its first step is next; until then, a script may take long to import modules and load data."""
        self._trains, self._turn_began = True, time.monotonic()

    def end_turn(self) -> None:
        """Record that it reported the end of its turn."""
        self.computing = self.hangs = False

    def look(self) -> None:
        """Set ``hangs`` if its turn has lasted too long; only the end of the turn or of its pipes resets it."""
        if self._trains and self.computing and time.monotonic() - self._turn_began > HANG_SECONDS:
            self.hangs = True

    def stop(self) -> bool:
        """Ask it to stop, then force it; call this until it has ended. Returns whether force was used.

        A worker that is not ready has no rows yet and may be in a long import: it is killed at once.
        """
        now = time.monotonic()
        self._stop_began = self._stop_began or now
        # Without pipes it cannot read the request, so waiting is pointless. One that has reported its end still has to end
        # what its script has started.
        unreachable = self.pipe_ended and not self._reported_end
        waited = now - self._stop_began + (self._ask_seconds if unreachable else 0)
        if not self.ready:
            self._signal(signal.SIGKILL)
        elif not self._asked:
            self._asked = True
            if self.idle:
                self.computing, self._turn_began = True, now  # busy ending
            self.send(stop=True)  # read when its turn ends; a worker that runs a script reads it at once
            return False
        elif waited > self._ask_seconds + TERMINATE_SECONDS:
            self._signal(signal.SIGKILL)
        elif waited > self._ask_seconds:
            self._signal(signal.SIGTERM)
        else:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal. The PID cannot be reused until :meth:`reap` reaps the process."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    @property
    def exited(self) -> bool:
        """Whether its process has ended. Does not reap it."""
        if self.process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def report_end(self) -> None:
        """Record that it has reported its end."""
        self._reported_end = True
        self.end_turn()
        self.leave()

    def leave(self) -> None:
        """Give it no more turns, and its process LEAVE_SECONDS to end."""
        if not self.leaving:
            self.leaving, self._leaving_since = True, time.monotonic()
        self.computing = False  # ``hangs`` stays: it is still reported

    def lingers(self) -> bool:
        """Whether its process is still there although it is leaving. It is killed after LEAVE_SECONDS."""
        if self.exited:
            return False
        left = time.monotonic() - self._leaving_since
        self._outlived_its_pipes = self._outlived_its_pipes or left > PIPES_SECONDS
        if left > LEAVE_SECONDS:
            self._signal(signal.SIGKILL)
            self._killed_without_pipes = True
        return True

    def reap(self, log: Path, notes: Path, *, alone: bool) -> str:
        """Reap its process, which has exited; return in one line why it ended, in case it did not report that itself.

        ``log`` contains its last output, or receives it. The processes that it started are ended and listed in the log; if
        they are left ``alone``, as python leaves them, the log and the ``notes`` list them.
        """
        if self._mark is not None and alone:
            if left := lasting_leftovers(self.process.pid, self._mark):
                self.left_alone = list(left)
                told = ", ".join(f"{printable(words)[:200]} (pid {pid})" for pid, words in left.items())[:LONGEST_LIST]
                line = f"processes that the script started were still running when it ended: {told}\n"
                _append(log, f"gradtui: {line}")
                _append(notes, line)
        elif self._mark is not None:
            end_leftovers_and_log(self.process.pid, self._mark, log)
        self.ended, self.computing = True, False
        return self._why_it_ended(log, self.process.wait())

    def send(self, **message: object) -> None:
        """Send it a message. Does nothing if the worker has died: the end of its output shows that."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def events(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived. Anything else is skipped, since a script can write to any descriptor."""
        try:
            chunk = os.read(self.stdout.fileno(), 65_536)
        except BlockingIOError:
            return
        if not chunk:
            self.pipe_ended = True
            self.leave()
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict) and isinstance(message.get("event"), str):
                    yield message

    def _why_it_ended(self, log: Path, code: int) -> str:
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
        if self._outlived_its_pipes and not has_traceback(words):
            return WITHOUT_PIPES
        if code == 0:
            return UNANNOUNCED
        return why_it_ended(words) or f"its process ended with exit code {code}"


def _append(path: Path, line: str) -> None:
    """Append a line to a log or to notes, if that is possible."""
    with suppress(OSError), open(path, "a", encoding="utf-8", errors="replace", opener=private.opener) as file:
        file.write(line)


def _scratch() -> IO[bytes]:
    """A file without a name; if none can be created, what is written to it is lost."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")
