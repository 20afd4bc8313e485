"""Export the rows of a run as one tidy CSV of both variants."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gradtui.runs.export.csv_lines import whole_lines
from gradtui.runs.export.destination import Cancelled, check_wanted, exporting, never
from gradtui.runs.folder import STEP_COLUMNS, RunFolder
from gradtui.runs.tail import COUNT, MOST_SECONDS, NUMBER

EXPORT_COLUMNS = ("run", "variant", *STEP_COLUMNS)


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
    file.write(",".join(EXPORT_COLUMNS) + "\n")
    count = 0
    for variant in variants:
        for row in _rows(folder.steps_csv(variant)):
            file.write(f"{folder.id},{variant},{row}\n")
            count += 1
            if not count & 1023:
                check_wanted(cancelled)
    folder.read()  # raises if the run was deleted meanwhile: rows would be missing
    return count


_SOUND_ROW = re.compile(f"(({COUNT}),{COUNT},(?:{NUMBER})?,(?:{NUMBER})?,({NUMBER}))(?:,(?:{NUMBER})?)*")


def _rows(path: Path) -> Iterator[str]:
    """The first columns of every sound row, exactly as in the file. Raises DamagedRun."""
    lines = whole_lines(path)
    header = next(lines, "").split(",")
    if tuple(header[: len(STEP_COLUMNS)]) != STEP_COLUMNS:
        return
    last, commas = 0, len(header) - 1
    for line in lines:
        row = _SOUND_ROW.fullmatch(line)
        if row and line.count(",") == commas and (step := int(row[2])) > last and 0 <= float(row[3]) <= MOST_SECONDS:
            last = step
            yield row[1]
