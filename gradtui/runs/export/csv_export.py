"""Export the rows of a run as one tidy CSV of both variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.columns import EPOCHS, SEED_EPOCHS, SEED_STEPS, STEPS, Column, of_seeds
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
    return export_runs([folder], path, overwrite=overwrite, cancelled=cancelled)


def export_runs(folders: Sequence[RunFolder], path: Path, *, overwrite: bool = False, cancelled: Cancelled = never) -> int:
    """Write the rows of runs with the same columns, as :func:`export_csv` does."""
    with exporting(path, overwrite=overwrite) as file:
        return write_runs(folders, file, cancelled)


def write_csv(folder: RunFolder, file: TextIO | None = None, cancelled: Cancelled = never) -> int:
    """Write the run's rows to an open file, or to standard output; return the number of rows.

    Raises DamagedRun, or ExportError if it is cancelled.
    """
    return write_runs([folder], file, cancelled)


def write_runs(folders: Sequence[RunFolder], file: TextIO | None = None, cancelled: Cancelled = never) -> int:
    """Write the rows of runs with the same columns, as :func:`write_csv` does: one header, run after run."""
    file = file or sys.stdout
    count = 0
    for place, folder in enumerate(folders):
        state = folder.read()
        steps, epochs = columns_of(state.settings)
        if place == 0:
            more = [column.name for column in (*steps[len(FIRST) :], *epochs)]
            file.write(",".join(["run", "variant", *(column.name for column in FIRST), "seed", *more]) + "\n")
        rows = _rows_of_seeds if state.settings.seeds > 1 else _rows
        for variant in state.variants:
            for fields in rows(folder, variant, state.settings.all_seeds, steps, epochs):
                file.write(f"{folder.id},{variant},{','.join(fields)}\n")
                count += 1
                if not count & 1023:
                    check_wanted(cancelled)
        folder.read()  # raises if the run was deleted meanwhile: rows would be missing
    return count


Fields = tuple[str, ...]


def _rows(
    folder: RunFolder, variant: str, seeds: Sequence[int], steps: Sequence[Column], epochs: Sequence[Column]
) -> Iterator[Fields]:
    """A variant's rows, a row per step: FIRST, the seed, the other columns of steps, those of epochs."""
    tested = _ByStep(sound_rows(folder.epochs_csv(variant), EPOCHS, [EPOCHS["step"], *epochs]) if epochs else iter(()))
    for fields in sound_rows(folder.steps_csv(variant), STEPS, steps):
        of_epoch = tested.at(int(fields[0])) or [""] * len(epochs)
        yield *fields[: len(FIRST)], str(seeds[0]), *fields[len(FIRST) :], *of_epoch


def _rows_of_seeds(
    folder: RunFolder, variant: str, seeds: Sequence[int], steps: Sequence[Column], epochs: Sequence[Column]
) -> Iterator[Fields]:
    """A variant's rows, a row per step and seed.

    Only the loss and the accuracy are a seed's own. What else is known are medians, which are left empty, and the time of a
    step of all seeds.
    """
    table = of_seeds(SEED_STEPS, seeds)
    losses = _ByStep(sound_rows(folder.seeds_csv(variant), table, table.columns))
    accuracies = _ByStep(_accuracies(folder, variant, seeds))
    own, empty = [STEPS["step"], STEPS["epoch"], STEPS["loss"], STEPS["seconds"]], ("",) * len(seeds)
    for fields in sound_rows(folder.steps_csv(variant), STEPS, own):
        tested = accuracies.at(int(fields[0])) or empty
        for seed, loss, accuracy in zip(seeds, losses.at(int(fields[0])), tested, strict=False):  # a damaged row has no losses
            known = {**dict(zip((column.name for column in own), fields, strict=True)), "loss": loss, "accuracy": accuracy}
            first = (known.get(column.name, "") for column in FIRST)
            yield *first, str(seed), *(known.get(column.name, "") for column in (*steps[len(FIRST) :], *epochs))


def _accuracies(folder: RunFolder, variant: str, seeds: Sequence[int]) -> Iterator[Fields]:
    """The last step of each epoch, and each seed's accuracy then."""
    last_steps = {row[0]: row[1] for row in sound_rows(folder.epochs_csv(variant), EPOCHS, EPOCHS.columns[:2])}
    table = of_seeds(SEED_EPOCHS, seeds)
    for epoch, *accuracies in sound_rows(folder.seed_epochs_csv(variant), table, table.columns):
        if epoch in last_steps:
            yield last_steps[epoch], *accuracies


class _ByStep:
    """Rows that begin with their step, each asked for by it, in ascending order."""

    def __init__(self, rows: Iterator[Fields]) -> None:
        self._rows = rows
        self._next: Fields | None = None

    def at(self, step: int) -> Sequence[str]:
        """The other fields of a step's row; empty if there is none. Of several, the last one's."""
        found: Sequence[str] = ()
        while (self._next or self._read()) and self._next is not None and int(self._next[0]) <= step:
            if int(self._next[0]) == step:
                found = self._next[1:]
            self._next = None
        return found

    def _read(self) -> bool:
        self._next = next(self._rows, None)
        return self._next is not None
