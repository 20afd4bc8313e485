"""Export the rows of a run as one tidy CSV of both variants."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from gradtui.runs.columns import STEPS
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
    variants = folder.read().variants
    file.write(",".join(["run", "variant", *(column.name for column in EXPORTED)]) + "\n")
    count = 0
    for variant in variants:
        for fields in sound_rows(folder.steps_csv(variant), STEPS, EXPORTED):
            file.write(f"{folder.id},{variant},{','.join(fields)}\n")
            count += 1
            if not count & 1023:
                check_wanted(cancelled)
    folder.read()  # raises if the run was deleted meanwhile: rows would be missing
    return count
