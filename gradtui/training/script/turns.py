"""A script's supervisor and its turns: how it waits, and how it is ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from os import _exit  # the real one: a script's end by os._exit() is noticed
from typing import TYPE_CHECKING

from gradtui.runs.leftovers import end_leftovers
from gradtui.runs.spawn import SIDE_MARK
from gradtui.training.worker import Supervisor

if TYPE_CHECKING:
    from gradtui.training.journal import Memory

STEP_SECONDS = 0.3
"""A stop waits so long for the script's next step, which ends it as sys.exit() there would; then it is as ctrl+c is."""
GRACE_SECONDS = 2.0
"""So long after that a script that does not end is ended for sure."""


class EndScript(SystemExit):
    """Ends the script from inside of its optimizer's step."""


class ScriptSupervisor(Supervisor):
    """Hears a stop also while the script is at something else than a step."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.left = threading.Event()
        """The script has ended, or is about to."""
        self.last_words: Callable[[], None] = lambda: None
        super().__init__()

    def heard(self, line: bytes) -> None:
        super().heard(line)
        if "stop" in json.loads(line) and not self.stopped.is_set():
            self.stopped.set()
            threading.Thread(target=self._insist, daemon=True).start()

    def leave_to_parent(self) -> None:
        """This is a process that the script has forked: the pipe is its parent's."""
        self._out.close()

    def end_orphan(self) -> None:
        self.end_children_of_orphan()
        super().end_orphan()

    def end_children_of_orphan(self) -> None:
        """Without a supervisor this process itself ends those that the script has started: they may hold a GPU."""
        if self.gone and os.getpgid(0) == os.getpid():  # its supervisor has given it a session of its own
            end_leftovers(os.getpid(), f"{SIDE_MARK}={os.environ.get(SIDE_MARK)}")

    def _insist(self) -> None:
        if not self.left.wait(STEP_SECONDS):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(GRACE_SECONDS)  # in which the process ends, whether the script has left or not
        self.last_words()
        _end_children()
        _exit(1)


def _end_children() -> None:
    """The processes of a DataLoader and the like, which python would end at its exit."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing is not None else ():
        child.kill()


class ScriptTurns:
    """The turns of a script. It has the first one when it has imported torch; a journal asks for it later."""

    def __init__(self, supervisor: ScriptSupervisor) -> None:
        self.ending = False
        """The script is being ended: every further step is told so too."""
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
