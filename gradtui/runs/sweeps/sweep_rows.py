"""The rows of a sweep's two CSV files: format them, parse them, and write them to their file whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from gradtui import private
from gradtui.runs.append import append_whole, not_written
from gradtui.runs.atomic import replacing
from gradtui.runs.columns import FLOAT
from gradtui.runs.export.csv_lines import whole_lines
from gradtui.runs.sweeps.grid import Cell, Outcome

SWEEP_COLUMNS = ("optimizer", "lr", "seed", "run", "status", "left", "right")
STARTED_COLUMNS = ("optimizer", "lr", "seed", "run")

_CELL_AND_RUN = f"([A-Za-z]{{1,40}}),({FLOAT}),([0-9]{{1,20}}),([0-9A-Za-z_-][0-9A-Za-z_.-]{{0,99}})"
_STARTED = re.compile(_CELL_AND_RUN)
_OUTCOME = re.compile(f"{_CELL_AND_RUN},(finished|failed|lost),({FLOAT}),({FLOAT})")

TAIL_BYTES = 4096
"""Bytes to read at a time from the end of a file, to find a torn row; our rows are shorter."""


class SweepNotWritten(OSError):
    """A file of the sweep cannot be written; the message names it and says why."""


def outcome_row(outcome: Outcome) -> str:
    cell = outcome.cell
    return f"{cell.optimizer},{cell.lr!r},{cell.seed},{outcome.run},{outcome.status},{outcome.left!r},{outcome.right!r}"


def started_row(cell: Cell, run: str) -> str:
    return f"{cell.optimizer},{cell.lr!r},{cell.seed},{run}"


def read_outcome(row: str) -> Outcome | None:
    """Parse a row of sweep.csv; None if it is invalid."""
    found = _OUTCOME.fullmatch(row)
    if found is None:
        return None
    optimizer, lr, seed, run, status, left, right = found.groups()
    return Outcome(Cell(optimizer, float(lr), int(seed)), run, status, float(left), float(right))


def read_started(row: str) -> tuple[Cell, str] | None:
    """Parse a row of started.csv into a cell and its run; None if it is invalid."""
    found = _STARTED.fullmatch(row)
    if found is None:
        return None
    optimizer, lr, seed, run = found.groups()
    return Cell(optimizer, float(lr), int(seed)), run


def append_rows(path: Path, columns: tuple[str, ...], rows: Sequence[str]) -> None:
    """Append rows in one go, after the header if the file is new. First cuts off a torn row that a crash left.

    Raises SweepNotWritten; all earlier rows are then still in the file, and those of the new ones that fitted.
    """
    try:
        descriptor = private.opener(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            end = _end_of_last_row(descriptor)
            if end < os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, end)
            lines = rows if end else [",".join(columns), *rows]
            append_whole(descriptor, "".join(f"{line}\n" for line in lines).encode("ascii"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SweepNotWritten(not_written(path, error)) from None


def _end_of_last_row(descriptor: int) -> int:
    """The offset at which the complete rows of a file end."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - TAIL_BYTES)
        place = os.pread(descriptor, end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


def replace_rows(path: Path, columns: tuple[str, ...], rows: Sequence[str], superseded: Callable[[str], bool]) -> None:
    """Replace the rows that are superseded by these, by writing a new file that replaces the old one.

    Raises SweepNotWritten; the old file is then unchanged.
    """
    try:
        kept = [line for line in whole_lines(path) if not superseded(line)] or [",".join(columns)]
        with replacing(path) as file:
            file.write("".join(f"{line}\n" for line in (*kept, *rows)))
    except OSError as error:
        raise SweepNotWritten(not_written(path, error)) from None
