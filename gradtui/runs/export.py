"""Take a run's rows home: one tidy CSV of both variants."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gradtui.runs.atomic import replacing
from gradtui.runs.folder import STEP_COLUMNS, RunFolder

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
    """Write the run's rows, variant by variant, whole or not at all; the number of rows. Raises ExportError."""
    check_target(path, overwrite=overwrite)
    try:
        with replacing(path, overwrite=overwrite) as file:
            return write_csv(folder, file)
    except FileExistsError:
        raise ExportError(f"{path} exists; it is not replaced") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({os.strerror(error.errno or 0)})") from None


def write_csv(folder: RunFolder, file: TextIO = sys.stdout) -> int:
    """Write the run's rows to an open file; the number of rows."""
    file.write(",".join(EXPORT_COLUMNS) + "\n")
    count = 0
    for variant in folder.read().variants:
        for fields in _rows(folder.steps_csv(variant)):
            file.write(f"{folder.id},{variant},{','.join(fields)}\n")
            count += 1
    return count


def _rows(path: Path) -> Iterator[list[str]]:
    """The fields of every whole row, as they stand in the file; a torn last line and damaged lines are left out."""
    width = len(STEP_COLUMNS)
    try:
        with open(path, encoding="ascii", errors="replace", newline="\n") as file:
            header = file.readline().rstrip("\n").split(",")
            if tuple(header[:width]) != STEP_COLUMNS:
                return
            for line in file:
                fields = line[:-1].split(",")
                if line.endswith("\n") and len(fields) == len(header) and fields[0].isdecimal():
                    yield fields[:width]
    except FileNotFoundError:
        return
