"""Take a run's rows home: one tidy CSV of both variants."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gradtui.runs.atomic import replacing
from gradtui.runs.folder import STEP_COLUMNS, RunFolder
from gradtui.runs.lines import whole_lines
from gradtui.runs.tail import COUNT, MOST_SECONDS, NUMBER

EXPORT_COLUMNS = ("run", "variant", *STEP_COLUMNS)


class ExportError(OSError):
    """The file cannot be written; the message names it and says why."""


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raises ExportError where an export to ``path`` would fail, before any work is done for it."""
    if path.is_dir():
        raise ExportError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ExportError(f"{path.parent} is not a folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ExportError(f"{path.parent} cannot be written to")
    if os.path.lexists(path) and not overwrite:
        raise ExportError(f"{path} exists; it is not replaced")


def export_csv(folder: RunFolder, path: Path, *, overwrite: bool = False) -> int:
    """Write the run's rows, variant by variant, whole or not at all; the number of rows.

    Raises ExportError, and DamagedRun where it is the run that cannot be read.
    """
    with exporting(path, overwrite=overwrite) as file:
        return write_csv(folder, file)


@contextmanager
def exporting(path: Path, *, overwrite: bool = False) -> Iterator[TextIO]:
    """A file that is written whole or not at all. Raises ExportError."""
    check_target(path, overwrite=overwrite)
    try:
        with replacing(path, overwrite=overwrite) as file:
            yield file
    except FileExistsError:
        raise ExportError(f"{path} exists; it is not replaced") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({os.strerror(error.errno or 0)})") from None


def write_csv(folder: RunFolder, file: TextIO | None = None) -> int:
    """Write the run's rows to an open file, or to standard output; the number of rows. Raises DamagedRun."""
    file = file or sys.stdout
    file.write(",".join(EXPORT_COLUMNS) + "\n")
    count = 0
    for variant in folder.read().variants:
        for row in _rows(folder.steps_csv(variant)):
            file.write(f"{folder.id},{variant},{row}\n")
            count += 1
    return count


_SOUND_ROW = re.compile(f"(({COUNT}),{COUNT},(?:{NUMBER})?,(?:{NUMBER})?,({NUMBER}))(?:,(?:{NUMBER})?)*")


def _rows(path: Path) -> Iterator[str]:
    """The first columns of every sound row, as they stand in the file. Raises DamagedRun."""
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
