"""Read a CSV file that another process is still writing."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from pathlib import Path

CHUNK_BYTES = 1 << 16
"""So much is read at a time; about 1,500 steps, a few milliseconds of work, between which an app answers its keys."""
MOST_ROWS = 2**32
"""No file has so many: it would be larger than the disks of today."""
MOST_KNOWN = 50_000


@dataclass(frozen=True)
class Columns:
    """Rows by column. An empty field reads as nan; rows that are damaged are left out and counted."""

    names: tuple[str, ...]
    values: dict[str, array[float]]
    damaged: int = 0
    _filled: dict[str, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values[self.names[0]])

    def filled(self, name: str) -> list[int]:
        """The rows in which a column has a number."""
        if name not in self._filled:
            self._filled[name] = [i for i, value in enumerate(self.values[name]) if value == value]  # nan is not itself
        return self._filled[name]


class CsvTail:
    """Gives the rows that were added since it was last asked.

    Only whole lines count: a torn last line is read again when it is whole. Every field is a number. A file that is
    not there yet has no rows; one that lacks one of ``columns`` is not read; of ``extra`` columns it may lack any.
    The first column counts up. Reading is quick for those that are ``repetitive``, of few different values, and for
    those that are mostly empty.
    """

    def __init__(
        self, path: Path, columns: tuple[str, ...], extra: tuple[str, ...] = (), repetitive: tuple[str, ...] = ()
    ) -> None:
        self._path = path
        self._repetitive = repetitive
        self._known = _Known()
        self._columns = (*columns, *extra)
        self._needed = len(columns)
        self._places: list[int] | None = None  # where the wanted columns stand in the file, from its header
        self._width = 0
        self._offset = 0

    def read(self) -> Columns | None:
        """The next rows, at most about CHUNK_BYTES of them; None where there are none."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                chunk = file.read(CHUNK_BYTES)
        except OSError:
            return None
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            if len(chunk) == CHUNK_BYTES:  # a line as long as that is no row of ours
                self._offset += CHUNK_BYTES
            return None
        self._offset += end
        lines = chunk[: end - 1].decode("ascii", "replace")
        if self._places is None:
            header, _, lines = lines.partition("\n")
            names = header.strip().split(",")
            self._width = len(names)
            self._places = [names.index(name) if name in names else -1 for name in self._columns]
        return self._parse(lines) if lines else None

    def _parse(self, lines: str) -> Columns | None:
        """All rows at once where they are sound, which is ten times as fast; one by one where they are not."""
        assert self._places is not None
        if min(self._places[: self._needed]) < 0:
            return None  # a file with another header is not read
        width = self._width
        fields = lines.replace("\n", ",").split(",")
        if len(fields) == (lines.count("\n") + 1) * width:
            columns = {
                name: fields[place::width] if place >= 0 else [""] * (len(fields) // width)
                for name, place in zip(self._columns, self._places, strict=True)
            }
            first, *others = columns.items()
            counted = _counted_up(first[1])
            if counted is not None:
                try:
                    return Columns(
                        self._columns, {first[0]: counted, **{name: self._numbers(name, texts) for name, texts in others}}
                    )
                except ValueError:
                    pass
        return self._parse_each(lines)

    def _numbers(self, name: str, texts: list[str]) -> array[float]:
        if name in self._repetitive:
            return array("d", map(self._known.__getitem__, texts))
        if texts.count("") * 2 < len(texts):
            return array("d", [float(text) if text else math.nan for text in texts] if "" in texts else map(float, texts))
        values = array("d", (math.nan,)) * len(texts)  # mostly empty: only what is there is looked at
        for i, text in enumerate(texts):
            if text:
                values[i] = float(text)
        return values

    def _parse_each(self, lines: str) -> Columns:
        assert self._places is not None
        rows, damaged, last = [], 0, 0.0
        for line in lines.split("\n"):
            fields = line.split(",")
            try:
                if len(fields) != self._width:
                    raise ValueError
                row = [_number(fields[place]) if place >= 0 else math.nan for place in self._places]
                if not (last < row[0] < MOST_ROWS and row[0].is_integer()):  # also where it is nan
                    raise ValueError
            except ValueError:
                damaged += 1
                continue
            last = row[0]
            rows.append(row)
        values = {name: array("d", [row[i] for row in rows]) for i, name in enumerate(self._columns)}
        return Columns(self._columns, values, damaged)


def _number(text: str) -> float:
    return float(text) if text else math.nan


class _Known(dict[str, float]):
    """The numbers that texts stand for. Looking one up takes a third of the time of reading it anew."""

    def __missing__(self, text: str) -> float:
        if len(self) >= MOST_KNOWN:
            self.clear()
        self[text] = number = _number(text)
        return number


def _counted_up(texts: list[str]) -> array[float] | None:
    """Whole numbers that count up by one, from whatever number on; None where they do not."""
    if not (texts[0].isdecimal() and 0 < int(texts[0][:12]) < MOST_ROWS):
        return None
    rows = range(int(texts[0]), int(texts[0]) + len(texts))
    return array("d", rows) if texts == [*map(str, rows)] else None
