"""The training loop's link to the outside: it writes rows to the run folder and passes the turn to the other variant.

The loop calls one method per step, which costs about a microsecond: losses stay on the device until the turn ends, then
are fetched all at once and written with one write.
"""

from __future__ import annotations

import resource
import sys
import time
from array import array
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import torch
from torch import Tensor

from gradtui.runs.columns import EPOCHS, STEPS, TIMING, Column, RowFormat
from gradtui.runs.folder import RunFolder
from gradtui.runs.packed import GRADIENTS
from gradtui.runs.results.times import TICKS
from gradtui.training.gradients import norms
from gradtui.training.packing import Packing
from gradtui.training.row_file import RowFile
from gradtui.training.step_timer import timer_for

CPU_STEPS = 1_000_000  # a CPU never runs ahead of its clock, so only time ends its turn
QUEUE_SECONDS = 0.05  # how much work a GPU's queue may hold: as much as fits into a turn


class Stopped(Exception):
    """The run was stopped; the journal raises this to leave the loop, after writing all rows."""


@dataclass(frozen=True)
class Memory:
    """Memory in MB (10**6 bytes): the peak so far and the current use."""

    peak_mb: float
    now_mb: float


class Turns(Protocol):
    """Grants turns: asked at the start and at the end of every turn."""

    def wait(self, step: int, memory: Memory) -> tuple[float, int]:
        """Report the step and the memory held, then wait for the next turn.

        Returns the turn's deadline, as ``time.perf_counter`` time, and its maximum number of steps. Raises Stopped.
        """


class Journal:
    """Appends one variant's rows to its files at the end of each turn."""

    columns: tuple[Column, ...] = STEPS.columns_of(script=False)
    packs = True
    """Whether rows are also packed; only exactly these columns can be."""

    def __init__(self, folder: RunFolder, variant: str, device: torch.device, turns: Turns) -> None:
        self._device = device
        self._turns = turns
        self._clock = timer_for(device)
        self._format = RowFormat(self.columns)
        self._steps_file = RowFile(folder.steps_csv(variant), self._format)
        self._packing = Packing(folder.packed(variant))
        self._epochs_path = folder.epochs_csv(variant)
        self._epochs_file: RowFile | None = None
        self._timing_path = folder.timing_csv(variant)
        self._timing_file: RowFile | None = None
        self._slices = 0
        self._step = 0
        self._epochs: list[int] = []
        self._losses: list[Tensor] = []
        self._more: dict[str, list[float]] = {}
        self._gradients: dict[int, Tensor] = {}
        self._deadline = 0.0
        self._most_steps = 0
        self._device_steps = CPU_STEPS if device.type == "cpu" else 1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        """Write the remaining rows, after the last epoch and also if training fails."""
        if kind is None or issubclass(kind, Stopped):
            self._write_steps()
        else:
            with suppress(RuntimeError, MemoryError):  # a failed device may not return its last losses
                self._write_steps()

    def begin(self) -> None:
        """Wait for the first turn. Raises Stopped."""
        self._next_turn()

    def step(self, epoch: int, loss: Tensor, gradients: Tensor | None = None, **more: float) -> None:
        """Record a step; ``gradients`` is the reading of a GradientProbe, ``more`` the values of further columns.

        Raises Stopped.
        """
        self._losses.append(loss.detach())
        self._epochs.append(epoch)
        for name, value in more.items():
            self._more.setdefault(name, []).append(value)
        if gradients is not None:
            self._gradients[len(self._losses) - 1] = gradients
        if self._clock.lap() >= self._deadline or len(self._losses) >= self._most_steps:
            self._write_steps()
            self._next_turn()

    def epoch(self, epoch: int, test_loss: Tensor, accuracy: Tensor) -> None:
        """Record an epoch's test results. The time since the last step does not count as training."""
        if self._epochs_file is None:
            self._epochs_file = RowFile(self._epochs_path, RowFormat(EPOCHS.columns))
        step = self._step + len(self._losses)
        self._epochs_file.add(epoch=epoch, step=step, test_loss=test_loss.item(), accuracy=accuracy.item())
        self._clock.start()

    def time_slice(self, block: int, side: int, seconds_per_batch: float) -> None:
        """Record a slice of the timing probe."""
        if self._timing_file is None:
            self._timing_file = RowFile(self._timing_path, RowFormat(TIMING.columns))
        self._slices += 1
        self._timing_file.add(slice=self._slices, block=block, side=side, seconds_per_batch=seconds_per_batch)

    def breathe(self) -> None:
        """Pass the turn on if it is over; to be called between pieces of work that are not steps. Raises Stopped."""
        if time.perf_counter() >= self._deadline:
            self._write_steps()
            self._next_turn()

    def _next_turn(self) -> None:
        self._deadline, most_steps = self._turns.wait(self._step, memory(self._device))
        self._most_steps = min(most_steps, self._device_steps)
        self._clock.start()

    def _write_steps(self) -> None:
        seconds = self._clock.drain()
        if not self._losses:
            return
        recorded, epochs, more = torch.stack(self._losses), self._epochs, self._more
        curve = self._curve(recorded)
        losses = curve.tolist()
        readings = torch.stack(list(self._gradients.values())).tolist() if self._gradients else []
        measured = {i: self._norms(reading) for i, reading in zip(self._gradients, readings, strict=True)}
        # Cleared first, so that no row is written twice, even if writing fails.
        self._losses, self._epochs, self._more, self._gradients = [], [], {}, {}
        ticks = [round(lap * TICKS) for lap in seconds]
        steps = range(self._step + 1, self._step + len(losses) + 1)
        dense = {"step": steps, "epoch": epochs, "loss": losses, "seconds": [tick / TICKS for tick in ticks], **more}
        text = self._steps_file.write(self._format.rows(dense, measured))
        if self.packs:
            kind = "d" if curve.dtype == torch.float64 else "f"
            self._packing.add(array(kind, losses), ticks, {i: _as_read(row) for i, row in measured.items()}, text)
        self._step += len(losses)
        self._wrote(steps, recorded)
        if self._device.type != "cpu":
            # The host runs ahead of a GPU, so estimate how many steps fit into a turn from how long the last ones took.
            fitting = int(QUEUE_SECONDS * len(seconds) / max(sum(seconds), 1e-9))
            self._device_steps = max(1, min(fitting, self._device_steps * 4, CPU_STEPS))

    # What a journal of several seeds does otherwise

    def _curve(self, recorded: Tensor) -> Tensor:
        """The losses of the step file, of shape (rows,), from those that were recorded."""
        return recorded

    def _norms(self, reading: Any) -> dict[str, float]:
        """The measured columns of a row, from a reading of the probe."""
        return norms(reading)

    def _wrote(self, steps: range, recorded: Tensor) -> None:
        """Called once the rows of these steps are in the step file."""


def _as_read(measured: Mapping[str, float]) -> list[float]:
    """The measurements of a row in the order of GRADIENTS, as they read back from its text."""
    return [float(STEPS[name].format % measured[name]) for name in GRADIENTS]


def memory(device: torch.device) -> Memory:
    """Memory held by torch's allocator on a CUDA GPU, else by this process."""
    if device.type == "cuda":
        return Memory(torch.cuda.max_memory_allocated(device) / 1e6, torch.cuda.memory_allocated(device) / 1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # macOS gives bytes, Linux KiB
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return Memory(peak_mb, int(file.read().split()[1]) * resource.getpagesize() / 1e6)
    except OSError:  # not Linux
        return Memory(peak_mb, peak_mb)
