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
from os import _exit  # the original: gradtui patches os._exit() in a script's process
from pathlib import Path
from typing import Any

from gradtui import private
from gradtui.catalog import EXPERIMENTS
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes.last_words import why_it_failed

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
    import torch  # takes a second, so the pipes are watched first

    from gradtui.training import devices, journal, loop, preparation, row_file, timing

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
    gc.freeze()  # the garbage collector need not scan torch's million objects during training
    assignment = supervisor.receive()
    folder, side = RunFolder(Path(assignment["run"])), int(assignment["side"])
    settings = folder.read().settings
    variant = settings.variants[side]
    log = private.appending(folder.log(variant))
    os.dup2(log, 1)
    os.dup2(log, 2)

    device, device_name = devices.resolve(settings.device)
    if device.type == "cuda":
        # Makes losses reproducible; cuBLAS reads the variable when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    status, reason = "finished", None
    try:
        if not EXPERIMENTS[settings.experiment].many_cores:  # more threads make small steps slower
            torch.set_num_threads(1)
        elif settings.schedule == "parallel":  # twice as many threads as cores would slow both to a crawl
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
                    pass  # training is complete; only the probe is cut short
                except (RuntimeError, MemoryError):  # the other side's policy runs here too; it must not fail this side
                    traceback.print_exc()
    except journal.Stopped:
        status = "stopped"
    except row_file.RowsNotWritten as error:
        status, reason = "failed", str(error)  # a traceback could not be written either
    except (RuntimeError, MemoryError) as error:
        with suppress(OSError):
            traceback.print_exc()
        out_of_memory = devices.is_out_of_memory(error)
        status, reason = "failed", f"out of memory on {device}" if out_of_memory else why_it_failed(error, folder.log(variant))
    # Any other error ends this process with a traceback in its log, where the supervisor finds the reason.
    with suppress(RuntimeError):  # a failed GPU cannot report its memory; keep the last known values
        held.update(vars(journal.memory(device)))
    supervisor.send("ended", status=status, reason=reason, **held)
    sys.stdout.flush()
    os._exit(status == "failed")  # skip torch's teardown, which can take longer than a stop may
