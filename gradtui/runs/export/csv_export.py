"""Export the rows of a run as one tidy CSV of both variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.columns import EPOCHS, STEPS, Column
from gradtui.runs.export.csv_lines import sound_rows
from gradtui.runs.export.destination import Cancelled, check_wanted, exporting, never
from gradtui.runs.folder import RunFolder
from gradtui.settings import RunSettings

FIRST = [column for column in STEPS.columns if column.required]
"""The first columns, which every run has."""


def columns_of(settings: RunSettings) -> tuple[list[Column], list[Column]]:
    """The columns of the run's rows: those of steps, and those of epochs, filled at the last step of each epoch."""
    steps = STEPS.columns_of(script=settings.can.use_several_optimizers, clips=settings.may_clip)
    tested = EXPERIMENTS[settings.experiment].has_accuracy or settings.can.log_scalars
    epochs = [column for column in EPOCHS.columns if tested and column.name not in STEPS.names]
    return [*FIRST, *(column for column in steps if not column.required)], epochs


def export_csv(folder: RunFolder, path: Path, *, overwrite: bool = False, cancelled: Cancelled = never) -> int:
    """Write the run's rows atomically, variant by variant; return the number of rows.

    Raises ExportError, or DamagedRun if the run cannot be read.
    """
    with exporting(path, overwrite=overwrite) as file:
        return write_csv(folder, file, cancelled)


def write_csv(folder: RunFolder, file: TextIO | None = None, cancelled: Cancelled = never) -> int:
    """Write the run's rows to an open file, or to standard output; return the number of rows.

    Raises DamagedRun, or ExportError if it is cancelled.
    """
    file = file or sys.stdout
    state = folder.read()
    steps, epochs = columns_of(state.settings)
    more = [column.name for column in (*steps[len(FIRST) :], *epochs)]
    file.write(",".join(["run", "variant", *(column.name for column in FIRST), "seed", *more]) + "\n")
    seed, count = str(state.settings.seed), 0
    for variant in state.variants:
        tested = _Tested(folder.epochs_csv(variant), epochs)
        for fields in sound_rows(folder.steps_csv(variant), STEPS, steps):
            row = *fields[: len(FIRST)], seed, *fields[len(FIRST) :], *tested.at(int(fields[0]))
            file.write(f"{folder.id},{variant},{','.join(row)}\n")
            count += 1
            if not count & 1023:
                check_wanted(cancelled)
    folder.read()  # raises if the run was deleted meanwhile: rows would be missing
    return count


class _Tested:
    """The figures of the epochs, each asked for by its last step, in ascending order."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._rows: Iterator[tuple[str, ...]] = sound_rows(path, EPOCHS, [EPOCHS["step"], *columns]) if columns else iter(())
        self._empty = ("",) * len(columns)
        self._next: tuple[str, ...] | None = None

    def at(self, step: int) -> Sequence[str]:
        """The fields of the epoch that ended with a step; empty if none did. Of several that did, the last one's."""
        found: Sequence[str] = self._empty
        while (self._next or self._read()) and self._next is not None and int(self._next[0]) <= step:
            if int(self._next[0]) == step:
                found = self._next[1:]
            self._next = None
        return found

    def _read(self) -> bool:
        self._next = next(self._rows, None)
        return self._next is not None
