"""The process that trains ONE variant of ONE run: ``gradtui.training.worker``.

Its supervisor talks to it in JSON lines on standard input and reads JSON lines from its standard output:

    <- {"run": path, "side": 0}          which run and which side of it; sent at once, or when a warm worker is needed
    -> {"event": "ready", ...}           the model stands on its device
    <- {"turn": seconds, "steps": n}     compute for so long, at most n steps
    -> {"event": "turn ended", ...}
    <- {"stop": true}
    -> {"event": "ended", "status": "finished" | "stopped" | "failed", "reason": ...}

When standard input ends, the supervisor is gone, and the worker ends too: no orphan holds a GPU.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
import time
import traceback
import warnings
from contextlib import suppress
from os import _exit  # the real one: in a script's process its end by os._exit() is noticed
from pathlib import Path
from typing import Any

from gradtui import private
from gradtui.catalog import EXPERIMENTS
from gradtui.runs.folder import RunFolder
from gradtui.runs.last_words import why_it_failed

ORPHAN_SECONDS = 1.0
"""How long a worker without a supervisor may take to write its rows before it is ended for sure."""


class Supervisor:
    """The other end of the two pipes."""

    def __init__(self) -> None:
        self.gone = False
        """Whether it has ended."""
        # Standard output is the pipe; from now on whatever prints goes to where standard error goes.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # A thread, so that the end of the pipe is noticed while torch is being imported or a long step runs.
        threading.Thread(target=self._listen, args=(os.dup(0),), daemon=True).start()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)  # what the experiment reads from standard input is nothing, not our pipe
        os.close(null)

    def _listen(self, stdin: int) -> None:
        partial = b""
        with suppress(OSError):  # a user's script has closed the pipe
            while chunk := os.read(stdin, 65_536):
                *lines, partial = (partial + chunk).split(b"\n")
                for line in lines:
                    self.heard(line)
        self.gone = True
        self._lines.put(None)
        time.sleep(ORPHAN_SECONDS)
        self.end_orphan()

    def end_orphan(self) -> None:
        """The supervisor is gone, and this process still here."""
        _exit(1)

    def heard(self, line: bytes) -> None:
        """A message has arrived, in a thread of its own; :meth:`receive` will give it."""
        self._lines.put(line)

    def receive(self) -> dict[str, Any]:
        """The next message; SystemExit where there will be none."""
        line = self._lines.get()
        if line is None:
            raise SystemExit(1)
        message: dict[str, Any] = json.loads(line)
        return message

    def send(self, event: str, **details: object) -> None:
        try:
            self._out.write(json.dumps({"event": event, **details}) + "\n")
            self._out.flush()
        except OSError:  # the supervisor is gone, or a user's script has closed the pipe
            self.gone = True
            raise SystemExit(1) from None


def main() -> None:
    supervisor = Supervisor()
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # gradtui does without
    import torch  # takes a second: only after the pipes are watched

    from gradtui.training import devices, journal, loop, preparation, rows, timing

    held: dict[str, float | None] = {"peak_mb": None, "now_mb": None}

    class SupervisedTurns:
        def wait(self, step: int, memory: journal.Memory) -> tuple[float, int]:
            held.update(vars(memory))
            if step > 0:
                supervisor.send("turn ended", step=step, **vars(memory))
            message = supervisor.receive()
            if "stop" in message:
                raise journal.Stopped
            return time.perf_counter() + message["turn"], message["steps"]

    preparation.warm_up()
    gc.freeze()  # torch is a million objects; the garbage collector need not look at them during the training
    assignment = supervisor.receive()
    folder, side = RunFolder(Path(assignment["run"])), int(assignment["side"])
    settings = folder.read().settings
    variant = settings.variants[side]
    log = private.appending(folder.log(variant))
    os.dup2(log, 1)
    os.dup2(log, 2)

    device, device_name = devices.resolve(settings.device)
    if device.type == "cuda":
        # The same run gives the same losses twice; cuBLAS needs this to be set before it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    status, reason = "finished", None
    try:
        if not EXPERIMENTS[settings.experiment].many_cores:  # a second thread makes small steps slower
            torch.set_num_threads(1)
        elif settings.schedule == "parallel":  # two times as many threads as cores would make both crawl
            torch.set_num_threads(max(1, torch.get_num_threads() // 2))
        training = preparation.prepare(settings, side, device)
        preparation.rehearse(training)
        with journal.Journal(folder, variant, device, SupervisedTurns()) as journaled:
            supervisor.send("ready", device=str(device), device_name=device_name, torch=torch.__version__)
            loop.train(training, journaled)
            if settings.timing_probe and settings.schedule == "turns":
                try:
                    timing.probe_times(training, journaled)
                except journal.Stopped:
                    pass  # the training has reached its end; only the probe is cut short
                except (RuntimeError, MemoryError):  # the other side's policy runs here too, and must not fail this one
                    traceback.print_exc()
    except journal.Stopped:
        status = "stopped"
    except rows.RowsNotWritten as error:
        status, reason = "failed", str(error)  # nor could a traceback be written
    except (RuntimeError, MemoryError) as error:
        with suppress(OSError):
            traceback.print_exc()
        out_of_memory = devices.is_out_of_memory(error)
        status, reason = "failed", f"out of memory on {device}" if out_of_memory else why_it_failed(error, folder.log(variant))
    # Any other error ends this process with a traceback in its log, where the supervisor finds the reason.
    with suppress(RuntimeError):  # a GPU that has failed does not say; then what was known last stands
        held.update(vars(journal.memory(device)))
    supervisor.send("ended", status=status, reason=reason, **held)
    sys.stdout.flush()
    os._exit(status == "failed")  # not through torch's teardown, which can take longer than a stop may
