"""Train one side of a run, from its assignment to the report of how it ended."""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import torch

from gradtui import private
from gradtui.catalog import EXPERIMENTS
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes.last_words import why_it_failed
from gradtui.settings import RunSettings
from gradtui.training import journal, loop, preparation, row_file, seed_journal, timing_probe, torch_devices
from gradtui.training.worker import Supervisor


class SupervisedTurns:
    """Turns that the supervisor grants."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.memory: dict[str, float | None] = {"peak_mb": None, "now_mb": None}
        """The memory last reported."""
        self._supervisor = supervisor
        self._trained = False
        self._has_turn = False

    def trained(self, memory: journal.Memory) -> None:
        """Report this memory from now on: what is used after the training is not the training's."""
        self.memory, self._trained = vars(memory), True

    def wait(self, step: int, memory: journal.Memory) -> tuple[float, int]:
        self.measured(memory)
        if self._has_turn:  # also at step 0: measuring the sharpness before the first step may take several turns
            self._supervisor.send("turn ended", step=step, **self.memory)
        self._has_turn = True
        message = self._supervisor.receive()
        if "stop" in message:
            raise journal.Stopped
        return time.perf_counter() + message["turn"], message["steps"]

    def measured(self, memory: journal.Memory) -> None:
        """Report this memory, unless the training has ended before."""
        if not self._trained:
            self.memory = vars(memory)


def train_side(supervisor: Supervisor) -> None:
    """Wait for the run, train one side of it, report how that ended, and end this process."""
    preparation.warm_up()
    gc.freeze()  # the garbage collector need not scan torch's million objects during training
    assignment = supervisor.receive()
    folder, side = RunFolder(Path(assignment["run"])), int(assignment["side"])
    settings = folder.read().settings
    log = private.appending(folder.log(settings.variants[side]))
    os.dup2(log, 1)
    os.dup2(log, 2)

    device, device_name = torch_devices.resolve(settings.device)
    turns = SupervisedTurns(supervisor)
    status, reason = "finished", None
    try:
        training = _prepare(settings, side, device)
        _write_notes(training, folder.notes(settings.variants[side]))
        with seed_journal.journal_for(settings, folder, settings.variants[side], device, turns) as journaled:
            supervisor.send("ready", device=str(device), device_name=device_name, torch=torch.__version__)
            loop.train(training, journaled)
            turns.trained(journal.memory(device))
            _probe_times(training.first or training, journaled)
    except journal.Stopped:
        status = "stopped"
    except row_file.RowsNotWritten as error:
        status, reason = "failed", str(error)  # a traceback could not be written either
    except (RuntimeError, MemoryError) as error:
        status, reason = "failed", _reason(error, device, folder.log(settings.variants[side]))
    # Any other error ends this process with a traceback in its log, where the supervisor finds the reason.
    with suppress(RuntimeError):  # a failed GPU cannot report its memory; keep the last known values
        turns.measured(journal.memory(device))
    supervisor.send("ended", status=status, reason=reason, **turns.memory)
    sys.stdout.flush()
    os._exit(status == "failed")  # skip torch's teardown, which can take longer than a stop may


def _prepare(settings: RunSettings, side: int, device: torch.device) -> preparation.Training:
    """Set torch up for this process and prepare the side, up to its first step."""
    if device.type == "cuda":
        # Makes losses reproducible; cuBLAS reads the variable when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    if not EXPERIMENTS[settings.experiment].many_cores:  # more threads make small steps slower
        torch.set_num_threads(1)
    elif settings.schedule == "parallel":  # twice as many threads as cores would slow both to a crawl
        torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    training = preparation.prepare(settings, side, device)
    preparation.rehearse(training)
    return training


def _write_notes(training: preparation.Training, path: Path) -> None:
    """Write the caveats that the results are shown with."""
    if training.notes:
        with suppress(OSError), open(path, "w", encoding="utf-8", opener=private.opener) as file:
            file.writelines(f"{note}\n" for note in training.notes)


def _probe_times(training: preparation.Training, journaled: journal.Journal) -> None:
    """Run the timing probe, if the settings ask for it. The training is complete, so nothing here can fail it."""
    if not training.settings.timing_probe or training.settings.schedule != "turns":
        return
    try:
        timing_probe.probe_times(training, journaled)
    except journal.Stopped:
        pass  # only the probe is cut short
    except (RuntimeError, MemoryError):  # the other side's policy runs here too; it must not fail this side
        traceback.print_exc()


def _reason(error: RuntimeError | MemoryError, device: torch.device, log: Path) -> str:
    """Why the training failed; the traceback goes to the log."""
    with suppress(OSError):
        traceback.print_exc()
    return f"out of memory on {device}" if torch_devices.is_out_of_memory(error) else why_it_failed(error, log)
