"""The sound rows of a run's CSV files, for exporters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gradtui.runs.columns import Column, RowPattern, Table
from gradtui.runs.safe_open import open_regular
from gradtui.runs.state import DamagedRun

LONGEST_LINE = 1 << 15
"""In bytes; ours have about 60, and those with a column per seed about 20 for each."""


def whole_lines(path: Path) -> Iterator[str]:
    """The lines of a CSV file, without line ends; none if there is no file. Raises DamagedRun.

    Skips lines that cannot be ours: a torn last line, and lines that are too long.
    """
    try:
        with open_regular(path) as file:
            torn = False
            while line := file.readline(LONGEST_LINE):
                within, torn = torn, not line.endswith(b"\n")
                if not (within or torn):
                    yield line[:-1].decode("ascii", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise DamagedRun(f"{path.name} cannot be read ({error.strerror})") from None


def sound_rows(path: Path, table: Table, columns: Sequence[Column]) -> Iterator[tuple[str, ...]]:
    """These fields of every sound row, as they are written; empty for a column that the file lacks.

    A file that lacks a required column has no rows. Raises DamagedRun.
    """
    lines = whole_lines(path)
    pattern = RowPattern(next(lines, ""), table, columns)
    if pattern.fits:
        yield from filter(None, map(pattern.fields, lines))


def check_readable(path: Path) -> None:
    """Raise DamagedRun if there is a CSV file that cannot be read."""
    next(whole_lines(path), None)
