"""Read a CSV file that another process is still writing."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gradtui.runs.regular import open_regular

CHUNK_BYTES = 1 << 20
"""So much is read at a time; about 25,000 steps, some ten milliseconds of work."""

COUNTS = ("step", "epoch", "slice", "block", "side")
TIMES = ("seconds", "seconds_per_batch")
LARGEST_COUNT = 2.0**53


@dataclass(frozen=True)
class Columns:
    """Rows by column. An empty field reads as nan; rows that are damaged are left out and counted."""

    names: tuple[str, ...]
    values: dict[str, array[float]]
    damaged: int = 0

    def __len__(self) -> int:
        return len(self.values[self.names[0]])


class CsvTail:
    """Gives the rows that were added since it was last asked.

    Only whole lines count: a torn last line is read again when it is whole. Every field is a number; counts are whole and
    times are finite. A file that is not there yet has no rows; one that lacks one of ``columns`` is not read; of ``extra``
    columns it may lack any.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], extra: tuple[str, ...] = ()) -> None:
        self._path = path
        self._columns = (*columns, *extra)
        self._needed = len(columns)
        self._places: list[int] | None = None  # where the wanted columns stand in the file, from its header
        self._width = 0
        self._offset = 0
        self._torn = False
        self._last = 0.0

    def read(self) -> Columns | None:
        """The next rows, at most about CHUNK_BYTES of them; None where there are none yet."""
        while (lines := self._next_lines()) is not None:
            if self._places is None:
                header, _, lines = lines.partition(b"\n")
                names = header.decode("utf-8", "replace").strip().split(",")
                self._width = len(names)
                self._places = [names.index(name) if name in names else -1 for name in self._columns]
            if min(self._places[: self._needed]) < 0:
                return None  # a file with another header is not read
            if lines:
                return self._parse(lines)
        return None

    def _next_lines(self) -> bytes | None:
        """The next whole lines, without the end of the last one; None where there are none yet."""
        while True:
            try:
                with open_regular(self._path) as file:
                    file.seek(self._offset)
                    chunk = file.read(CHUNK_BYTES)
            except OSError:
                return None
            end = chunk.rfind(b"\n") + 1
            if end == 0 and len(chunk) < CHUNK_BYTES:
                return None
            self._offset += end or CHUNK_BYTES
            torn, self._torn = self._torn, end == 0  # a line as long as a chunk is no row of ours, nor is its rest
            lines = chunk[:end]
            if torn:
                lines = lines.partition(b"\n")[2]
            if lines:
                return lines[:-1]

    def _parse(self, lines: bytes) -> Columns:
        """All rows at once where they are sound, which is ten times as fast; one by one where they are not."""
        assert self._places is not None
        width = self._width
        fields = lines.replace(b"\n", b",").split(b",")
        if len(fields) == (lines.count(b"\n") + 1) * width:
            try:
                empty = [b""] * (len(fields) // width)
                values = {
                    name: _floats(fields[place::width] if place >= 0 else empty)
                    for name, place in zip(self._columns, self._places, strict=True)
                }
                steps = values[self._columns[0]]
                if steps[0] > self._last and _counts_up(steps) and all(_sound(name, values[name]) for name in self._columns):
                    self._last = steps[-1]
                    return Columns(self._columns, values)
            except ValueError:
                pass
        return self._parse_each(lines)

    def _parse_each(self, lines: bytes) -> Columns:
        assert self._places is not None
        rows, damaged = [], 0
        for line in lines.split(b"\n"):
            fields = line.split(b",")
            try:
                if len(fields) != self._width:
                    raise ValueError
                row = _floats([fields[place] if place >= 0 else b"" for place in self._places])
                if not row[0] > self._last or not all(map(_sound, self._columns, ([value] for value in row))):
                    raise ValueError
            except ValueError:
                damaged += 1
                continue
            self._last = row[0]
            rows.append(row)
        values = {name: array("d", [row[i] for row in rows]) for i, name in enumerate(self._columns)}
        return Columns(self._columns, values, damaged)


def _floats(fields: list[bytes]) -> array[float]:
    try:
        return array("d", map(float, fields))
    except ValueError:
        return array("d", [float(field) if field else float("nan") for field in fields])


def _sound(name: str, values: Iterable[float]) -> bool:
    """Whether these can be values of the column: a count is whole and from 1, a time finite, any other number is what it is."""
    if name in COUNTS:
        least = 0 if name == "side" else 1
        return all(least <= value <= LARGEST_COUNT and value.is_integer() for value in values)
    return name not in TIMES or all(0 <= value < 1e12 for value in values)


def _counts_up(steps: array[float]) -> bool:
    first = steps[0]
    return (
        first >= 1 and steps[-1] - first == len(steps) - 1 and steps == array("d", range(int(first), int(first) + len(steps)))
    )
