"""One variant's process, as its supervisor sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from gradtui.runs.last_words import MOST_BYTES, why_it_aborted, why_it_ended
from gradtui.runs.regular import last_bytes

HANG_SECONDS = 10.0
"""A worker that computes for so long and ends no turn is said to hang. A single step may take that long: it is only said."""

ASK_SECONDS, TERMINATE_SECONDS, ASK_SCRIPT_SECONDS = 1.0, 5.0, 4.0
"""How long a worker that was asked to stop may take before SIGTERM, and after that before SIGKILL. One that runs a
user's script ends it by itself: the script may have something to put in order."""


class Worker:
    """One variant's process. ``hangs`` says that no turn of it came to its end for HANG_SECONDS."""

    def __init__(
        self,
        side: int,
        module: str = "gradtui.training.worker",
        environment: Mapping[str, str] = MappingProxyType({}),
        umask: int = -1,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        """``module`` is what it runs; ``environment`` are variables that it gets beside this process's own; ``umask`` is its
        own, where that is not -1; ``ask_seconds`` is how long it may take to stop before it is made to.
        """
        self.side = side
        self._ask_seconds = ask_seconds
        self._asked = False
        self.ready = False
        self.computing = False
        self.ended = False
        self.hangs = False
        self._early_words = _scratch()  # what it prints before it knows its log
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={**os.environ, **environment},
            umask=umask,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._early_words,
        )
        self._partial = b""
        self._not_before = 0.0
        self._turn_began = 0.0
        self._stop_began = 0.0
        os.set_blocking(self.stdout.fileno(), False)

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def idle(self) -> bool:
        return self.ready and not self.computing and not self.ended

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
        if not self.ready:
            self.process.kill()
        elif not self._asked:
            self._asked = True
            if self.idle:
                self.computing, self._turn_began = True, now  # with its end
            self.send(stop=True)  # one that computes hears of it when its turn ends; one that runs a script, at once
            return False
        elif now - self._stop_began > self._ask_seconds + TERMINATE_SECONDS:
            self.process.kill()
        elif now - self._stop_began > self._ask_seconds:
            self.process.terminate()
        else:
            return False
        return True

    def send(self, **message: object) -> None:
        """Tell it something. A worker that has died is told in vain: the end of its output says so."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def events(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived; an empty one when there will be no more."""
        chunk = os.read(self.stdout.fileno(), 65_536)
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        yield from map(json.loads, lines)
        if not chunk:
            yield {}

    def how_it_died(self, log: Path) -> str:
        """Why a process that did not say so itself has ended, in one line; ``log`` has its last words, or gets them."""
        code = self.process.wait()
        if not log.exists():  # it died before it could open it
            self._early_words.seek(0)
            words = self._early_words.read()
            with suppress(OSError):
                log.write_bytes(words)
        else:
            words = last_bytes(log, MOST_BYTES)
        if code == -signal.SIGABRT and (why := why_it_aborted(words)):
            return f"{why} (killed by SIGABRT)"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return why_it_ended(words) or f"its process ended with exit code {code}"


def _scratch() -> IO[bytes]:
    """A file that has no name; where there is no room for one, what is written to it is lost."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")
