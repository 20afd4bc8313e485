"""The rows of a script's steps, and the waiting for its turn: between two steps, inside of the optimizer's hook."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from gradtui.compare.turns import EndScript, ScriptTurns
from gradtui.runs.folder import SCRIPT_COLUMNS, RunFolder
from gradtui.training.journal import Journal, Memory, memory
from gradtui.training.rows import RowsNotWritten

FLUSH_SECONDS = 0.1


class ScriptJournal(Journal):
    """Also which optimizer it was that stepped."""

    columns = (*Journal.columns, *SCRIPT_COLUMNS)
    packs = False

    def __init__(self, folder: RunFolder, variant: str, device: torch.device, turns: ScriptTurns) -> None:
        super().__init__(folder, variant, device, turns)
        self.device = device
        self._optimizers: list[int] = []

    def step_of(self, optimizer: int, loss: Tensor, gradients: Tensor | None) -> None:
        """A step was taken. Raises EndScript, RowsNotWritten."""
        self._optimizers.append(optimizer)
        self.step(1, loss, gradients)

    def row_end(self, i: int) -> str:
        return f",{self._optimizers[i]}"

    def flush(self) -> None:
        """Write the rows that there are; the turn goes on."""
        self._write_steps()

    def _write_steps(self) -> None:
        try:
            super()._write_steps()
        finally:
            self._optimizers.clear()


class Rows:
    """Hands steps to a journal, which is there once it is known on which device the script trains."""

    def __init__(
        self, folder: RunFolder, variant: str, turns: ScriptTurns, limit: int, began: Callable[[torch.device], None]
    ) -> None:
        """``limit``: the script is ended after so many steps; 0: never. ``began`` is told the device."""
        self.count = 0
        self.recording = True
        """False where steps are no longer this run's: it has ended, or this is a process that the script has forked."""
        self.limit_reached = False
        self.failure: str | None = None
        """Why rows could not be written, if so."""
        self._where = folder, variant
        self._turns = turns
        self._limit = limit
        self._began = began
        self._journal: ScriptJournal | None = None
        self._lock = threading.Lock()

    def begin(self, device: torch.device) -> bool:
        """A backward() begins; with the first, the clock of the first step. Whether steps are recorded."""
        if self._journal is None and self.recording:
            self._began(device)
            self._journal = ScriptJournal(*self._where, device, self._turns)
            self._journal.begin()
            if device.type == "cpu":  # a GPU must not be waited for from beside the script
                threading.Thread(target=self._flush_now_and_then, daemon=True).start()
        return self.recording

    def step(self, loss: Tensor, gradients: Tensor | None, optimizer: int) -> None:
        """A step was taken. Raises EndScript, also when it is asked again after that."""
        if self._turns.ending:
            raise EndScript
        if loss.is_cuda and torch.cuda.is_current_stream_capturing():
            return  # a step that is recorded into a CUDA graph is not taken
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
        """Write what is left."""
        self.recording = False
        if self._journal is not None and self._lock.acquire(timeout=1):
            try:
                self._journal.flush()
            except RowsNotWritten as error:
                self._fail(error)
            except (RuntimeError, MemoryError):
                pass  # a device that has failed may not give its last losses

    def _fail(self, error: RowsNotWritten) -> None:
        """The disk is full, say: the next step ends the script."""
        self.failure, self._turns.ending = self.failure or str(error), True

    def memory(self) -> Memory:
        return memory(self._journal.device if self._journal is not None else torch.device("cpu"))

    def _flush_now_and_then(self) -> None:
        """Between steps that are far apart the rows must not wait for the next one."""
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
