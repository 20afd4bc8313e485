"""The process that trains ONE variant of ONE run: ``gradtui.training.worker``.

Its supervisor writes JSON lines to its standard input and reads JSON lines from its standard output:

    <- {"run": path, "side": 0}          which run, and which side of it; sent at once, or when a warm worker is needed
    -> {"event": "ready", ...}           the model is on its device
    <- {"turn": seconds, "steps": n}     take a turn of at most this many seconds and n steps
    -> {"event": "turn ended", ...}
    <- {"stop": true}
    -> {"event": "ended", "status": "finished" | "stopped" | "failed", "reason": ...}

If standard input ends, the supervisor is gone, and the worker ends too, so that no orphan holds a GPU.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
import warnings
from contextlib import suppress
from os import _exit  # the original: gradtui patches os._exit() in a script's process
from typing import Any

from gradtui import private

ORPHAN_SECONDS = 1.0
"""How long a worker without a supervisor may take to write its rows before it is forced to exit."""


class Supervisor:
    """The supervisor, at the other end of the two pipes."""

    def __init__(self) -> None:
        self.gone = False
        """Whether the supervisor has ended."""
        # Standard output is the pipe; send anything printed from now on to standard error.
        self._out = private.Kept(os.dup(1))
        os.dup2(2, 1)
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # A thread notices the end of the pipe even during the import of torch or a long step.
        threading.Thread(target=self._listen, args=(private.Kept(os.dup(0)),), daemon=True).start()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)  # the experiment must read an empty standard input, not our pipe
        os.close(null)

    def _listen(self, stdin: private.Kept) -> None:
        partial = b""
        with suppress(OSError):  # a user's script has closed the pipe
            while chunk := os.read(stdin.number, 65_536):
                *lines, partial = (partial + chunk).split(b"\n")
                for line in lines:
                    self.heard(line)
        self.gone = True
        self._lines.put(None)
        time.sleep(ORPHAN_SECONDS)
        self.end_orphan()

    def end_orphan(self) -> None:
        """End this process, whose supervisor is gone."""
        _exit(1)

    def heard(self, line: bytes) -> None:
        """Queue a message for :meth:`receive`; called in the listening thread."""
        self._lines.put(line)

    def receive(self) -> dict[str, Any]:
        """Wait for the next message. Raises SystemExit if there will be none."""
        line = self._lines.get()
        if line is None:
            raise SystemExit(1)
        message: dict[str, Any] = json.loads(line)
        return message

    def send(self, event: str, **details: object) -> None:
        try:
            message = f"{json.dumps({'event': event, **details})}\n".encode()
            while message:
                message = message[os.write(self._out.number, message) :]
        except OSError:  # the supervisor is gone, or a user's script has closed the pipe
            self.gone = True
            raise SystemExit(1) from None


def main() -> None:
    supervisor = Supervisor()
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # gradtui does not use it
    from gradtui.training.side import train_side  # imports torch, which takes a second, so the pipes are watched first

    train_side(supervisor)
