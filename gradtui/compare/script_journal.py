"""Record a script's steps and wait for its turn between two steps, inside the optimizer's hook."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from gradtui.compare.script_turns import EndScript, ScriptTurns
from gradtui.runs.columns import STEPS
from gradtui.runs.folder import RunFolder
from gradtui.runs.packed import Layout
from gradtui.training.journal import Journal, Memory, memory
from gradtui.training.row_file import RowsNotWritten

FLUSH_SECONDS = 0.1


class ScriptJournal(Journal):
    """A journal that also records which optimizer stepped."""

    packs = False

    def __init__(self, folder: RunFolder, variant: str, device: torch.device, turns: ScriptTurns) -> None:
        super().__init__(folder, variant, device, turns, Layout(STEPS.columns_of(script=True)))
        self.device = device

    def step_of(self, optimizer: int, loss: Tensor, gradients: Tensor | None) -> None:
        """Record a step of this optimizer. Raises EndScript, RowsNotWritten."""
        self.step(1, loss, gradients, optimizer=optimizer)

    def flush(self) -> None:
        """Write the pending rows without ending the turn."""
        self._write_steps()


class StepRecorder:
    """Passes steps to a journal, which is created once the script's device is known."""

    def __init__(
        self, folder: RunFolder, variant: str, turns: ScriptTurns, limit: int, began: Callable[[torch.device], None]
    ) -> None:
        """``limit`` is the number of steps after which the script is ended, 0 for never. ``began`` gets the device."""
        self.count = 0
        self.recording = True
        """False if steps no longer belong to the run: it has ended, or this process was forked by the script."""
        self.limit_reached = False
        self.failure: str | None = None
        """Why rows could not be written; None unless that happened."""
        self._where = folder, variant
        self._turns = turns
        self._limit = limit
        self._began = began
        self._journal: ScriptJournal | None = None
        self._lock = threading.Lock()

    def begin(self, device: torch.device) -> bool:
        """Note that a backward() begins; the first one starts the clock. Return whether steps are recorded."""
        if self._journal is None and self.recording:
            self._began(device)
            self._journal = ScriptJournal(*self._where, device, self._turns)
            self._journal.begin()
            if device.type == "cpu":  # on a GPU, another thread must not wait for the device
                threading.Thread(target=self._flush_now_and_then, daemon=True).start()
        return self.recording

    def step(self, loss: Tensor, gradients: Tensor | None, optimizer: int) -> None:
        """Record a step. Raises EndScript if the script must end, and in every call after that."""
        if self._turns.ending:
            raise EndScript
        if loss.is_cuda and torch.cuda.is_current_stream_capturing():
            return  # a step captured into a CUDA graph is not executed
        self.begin(loss.device)
        journal = self._journal
        if journal is None:
            return
        self.count += 1
        if gradients is not None:
            gradients = gradients.to(journal.device)
        try:
            with self._lock:
                journal.step_of(optimizer, loss.to(journal.device), gradients)
        except RowsNotWritten as error:
            self._fail(error)
        if self.failure is not None:
            raise EndScript
        if self.count == self._limit:
            self.limit_reached = self._turns.ending = True
            raise EndScript

    def close(self) -> None:
        """Stop recording and write the remaining rows."""
        self.recording = False
        if self._journal is not None and self._lock.acquire(timeout=1):
            try:
                self._journal.flush()
            except RowsNotWritten as error:
                self._fail(error)
            except (RuntimeError, MemoryError):
                pass  # a failed device may not return its last losses

    def _fail(self, error: RowsNotWritten) -> None:
        """Remember why rows cannot be written (say, a full disk); the next step ends the script."""
        self.failure, self._turns.ending = self.failure or str(error), True

    def memory(self) -> Memory:
        return memory(self._journal.device if self._journal is not None else torch.device("cpu"))

    def _flush_now_and_then(self) -> None:
        """Flush periodically, so that the rows of a slow script do not wait for its next step."""
        assert self._journal is not None
        wake = threading.Event()
        while self.recording:
            wake.wait(FLUSH_SECONDS)
            if self._lock.acquire(blocking=False):
                try:
                    if self.recording and self.failure is None:
                        self._journal.flush()
                except RowsNotWritten as error:
                    self._fail(error)
                finally:
                    self._lock.release()
