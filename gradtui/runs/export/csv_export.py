"""Export the rows of a run as one tidy CSV of both variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from gradtui.runs.columns import SEED_STEPS, STEPS, of_seeds
from gradtui.runs.export.csv_lines import sound_rows
from gradtui.runs.export.destination import Cancelled, check_wanted, exporting, never
from gradtui.runs.folder import RunFolder

# The columns that every run has, so that exports of any runs can be put together.
EXPORTED = [column for column in STEPS.columns if column.required]


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
    file.write(",".join(["run", "variant", *(column.name for column in EXPORTED), "seed"]) + "\n")
    count = 0
    for variant in state.variants:
        for fields in _rows(folder, variant, state.settings.all_seeds):
            file.write(f"{folder.id},{variant},{','.join(fields)}\n")
            count += 1
            if not count & 1023:
                check_wanted(cancelled)
    folder.read()  # raises if the run was deleted meanwhile: rows would be missing
    return count


def _rows(folder: RunFolder, variant: str, seeds: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """A variant's rows with their seed, a row per step and seed. Of many seeds, only the loss is a seed's own: what else is
    known are medians, which are left empty, and the time of a step of all seeds."""
    steps = sound_rows(folder.steps_csv(variant), STEPS, EXPORTED)
    if len(seeds) == 1:
        yield from ((*fields, str(seeds[0])) for fields in steps)
        return
    table = of_seeds(SEED_STEPS, seeds)
    losses = sound_rows(folder.seeds_csv(variant), table, table.columns)
    place, medians = EXPORTED.index(STEPS["loss"]), [EXPORTED.index(column) for column in EXPORTED if column.sparse]
    of_seeds_at: tuple[str, ...] = ("0",)
    for fields in steps:
        while int(of_seeds_at[0]) < int(fields[0]):
            of_seeds_at = next(losses, ())
            if not of_seeds_at:
                return
        if int(of_seeds_at[0]) > int(fields[0]):  # a damaged row
            continue
        row = ["" if i in medians else field for i, field in enumerate(fields)]
        for seed, loss in zip(seeds, of_seeds_at[1:], strict=True):
            row[place] = loss
            yield (*row, str(seed))
