"""A script's supervisor and turns: how a script waits, and how it is ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from os import _exit  # the original: gradtui patches os._exit() to record a script's end
from pathlib import Path
from typing import TYPE_CHECKING

from gradtui.runs.processes.leftovers import end_leftovers_and_log
from gradtui.runs.processes.spawn import SIDE_MARK
from gradtui.training.worker import Supervisor

if TYPE_CHECKING:
    from gradtui.training.journal import Memory

STEP_SECONDS = 0.3
"""A stop waits this long for the script's next step, which raises SystemExit; then it sends SIGINT, like ctrl+c."""
GRACE_SECONDS = 2.0
"""A script that is still running this long after that is forced to exit."""


class EndScript(SystemExit):
    """Ends the script from inside its optimizer's step."""


class ScriptSupervisor(Supervisor):
    """Obeys a stop even while the script is not in a step."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.left = threading.Event()
        """Set once the script has ended or is about to end."""
        self.log: Path | None = None
        self.last_words: Callable[[], None] = lambda: None
        super().__init__()

    def heard(self, line: bytes) -> None:
        super().heard(line)
        if "stop" in json.loads(line) and not self.stopped.is_set():
            self.stopped.set()
            threading.Thread(target=self._insist, daemon=True).start()

    def leave_to_parent(self) -> None:
        """Close the pipe in a process forked by the script: it belongs to the parent."""
        self._out.close()

    def end_orphan(self) -> None:
        self.end_children()
        super().end_orphan()

    def end_children(self) -> None:
        """End the processes that the script has started: they may hold a GPU.

        The supervisor does the same once this process has exited, which can take seconds, unless it is killed before.
        """
        if self.log is not None and os.getpgid(0) == os.getpid():  # its supervisor started it in a new session
            end_leftovers_and_log(os.getpid(), f"{SIDE_MARK}={os.environ.get(SIDE_MARK)}", self.log)

    def _insist(self) -> None:
        if not self.left.wait(STEP_SECONDS):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(GRACE_SECONDS)  # the process normally ends meanwhile, whether or not the script left in time
        self.last_words()
        _end_children()
        self.end_children()
        _exit(1)


def _end_children() -> None:
    """Kill the processes of DataLoaders and the like, which python would end at exit."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing is not None else ():
        child.kill()


class ScriptTurns:
    """A script's turns. The first one starts once torch is imported; a journal asks for it later."""

    def __init__(self, supervisor: ScriptSupervisor) -> None:
        self.ending = False
        """Whether the script is being ended; every further step then raises EndScript too."""
        self._supervisor = supervisor
        self._first: tuple[float, int] | None = None

    def take_first(self) -> None:
        """Wait for the first turn. Raises EndScript."""
        self._first = self._receive()

    def wait(self, step: int, memory: Memory) -> tuple[float, int]:
        """See gradtui.training.journal.Turns."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        self._supervisor.send("turn ended", step=step, **vars(memory))
        return self._receive()

    def _receive(self) -> tuple[float, int]:
        message = self._supervisor.receive()
        if "stop" in message:
            self.ending = True
            self._supervisor.left.set()
            raise EndScript
        return time.perf_counter() + message["turn"], message["steps"]
