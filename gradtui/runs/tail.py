"""Read a CSV file that another process is still writing."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from operator import eq
from pathlib import Path

from gradtui.runs.columns import COUNT, INDEX, MOST_SECONDS, TIME, Column
from gradtui.runs.packed import PACKED, Block, PackedRows
from gradtui.runs.results.spans import Span, spans_of
from gradtui.runs.results.times import NotWhole, Ticks, tick_of
from gradtui.runs.safe_open import open_regular

CHUNK_BYTES = 1 << 16
"""Bytes to read at a time: about 1,500 steps, a few milliseconds of work, so that the app stays responsive."""

GLANCES, GLANCE_BYTES = 256, 1024
"""A glance at a long file samples this many places and reads this many bytes at each."""

MOST_KNOWN = 50_000
"""Maximum number of distinct times to remember."""
FLOAT_CHARACTERS = b"0123456789.,-+einfa\n"
"""Of text with only these characters, float() accepts exactly what a field may hold."""
LAST_DIGITS = tuple(f"{number:03}" for number in range(1000))


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows, by column. Empty fields read as nan; damaged rows are skipped and counted."""

    names: tuple[str, ...]
    values: Mapping[str, Sequence[float]]
    damaged: int = 0
    before: int = 0
    """The number of rows read before these."""
    _filled: dict[str, list[int]] = field(default_factory=dict)
    _spans: dict[str, list[Span]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values[self.names[0]])

    def first(self, count: int) -> Chunk:
        """The first ``count`` rows."""
        if count >= len(self):
            return self
        return Chunk(self.names, {name: values[:count] for name, values in self.values.items()}, before=self.before)

    def until(self, number: float) -> Chunk:
        """The rows whose first column is at most ``number``."""
        return self.first(bisect_right(self.values[self.names[0]], number))

    def filled(self, name: str) -> list[int]:
        """The rows in which a column has a number."""
        if name not in self._filled:
            values = self.values[name]
            self._filled[name] = [*compress(range(len(values)), map(eq, values, values))]  # nan != nan
        return self._filled[name]

    def spans(self, name: str) -> list[Span]:
        """A column's spans, each within one block of all rows; computed once and cached."""
        if name not in self._spans:
            self._spans[name] = spans_of(self.values[name], self.before)
        return self._spans[name]


class NewLines:
    """Reads the lines added to a file since the last read; a torn last line is read once it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._torn = False

    def read(self) -> bytes | None:
        """The next complete lines, at most CHUNK_BYTES, without the last line end; None if there are none yet."""
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
            torn, self._torn = self._torn, end == 0  # a line longer than a chunk is not one of ours, nor is its rest
            lines = chunk[:end]
            if torn:
                lines = lines.partition(b"\n")[2]
            if lines:
                return lines[:-1]

    def skip_to(self, offset: int) -> None:
        """Skip the lines before ``offset``, which were read elsewhere."""
        self._offset = offset


class CsvTail:
    """Reads the rows added to a CSV file since the last read.

    Only these ``columns`` are parsed; the first one ascends. A file that does not exist yet has no rows. A file that lacks a
    required column is not read.
    """

    def __init__(self, path: Path, columns: Sequence[Column], packed: Path | None = None) -> None:
        """``packed`` is the packed copy of the file, which is read instead as long as the two agree."""
        self._path = path
        self._columns = tuple(columns)
        self._names = tuple(column.name for column in columns)
        packs = packed is not None and {*self._names} <= {*PACKED}
        self._packed = PackedRows(path, packed) if packs and packed is not None else None
        self._lines = NewLines(path)
        self._places: list[int] | None = None  # positions of the wanted columns, from the file's header
        self._width = 0
        self._last = 0.0
        self._known_times = _Known()
        self._count = 0

    def read(self) -> Chunk | None:
        """The next rows, a few milliseconds of work; None if there are none yet."""
        rows = self._read()
        if rows is None:
            return None
        rows = replace(rows, before=self._count)
        self._count += len(rows)
        return rows

    def _read(self) -> Chunk | None:
        if self._packed is not None:
            if (block := self._packed.read()) is not None:
                return self._unpacked(block)
            self._packed = None  # the rest is read from the CSV file
        while (new := self._lines.read()) is not None:
            if self._places is None:
                header, _, new = new.partition(b"\n")
                self._places = self._places_in(header)
            if not self._fits(self._places):
                return None
            if new:
                return self._rows(new)
        return None

    def _unpacked(self, block: Block) -> Chunk:
        assert self._packed is not None
        self._lines.skip_to(self._packed.csv_at)
        self._places = self._places_in(self._packed.header)
        self._last = block.steps[-1]
        every = block.values
        values = {name: every[name] for name in self._names}
        return Chunk(self._names, values, _filled={"grad_norm": block.filled}, _spans={"loss": block.spans})

    def glance(self) -> Chunk | None:
        """Sample rows from the whole file, including its end; None if there are none.

        Afterwards, :meth:`read` still starts at the first row."""
        parts = []
        try:
            with open_regular(self._path) as file:
                self._places = self._places_in(file.read(CHUNK_BYTES).partition(b"\n")[0])
                if self._fits(self._places):
                    end = max(0, os.fstat(file.fileno()).st_size - GLANCE_BYTES)
                    for number in range(GLANCES):
                        file.seek(end * number // (GLANCES - 1))
                        lines = file.read(GLANCE_BYTES).partition(b"\n")[2].rpartition(b"\n")[0]
                        parts += [self._rows(lines)] if lines else []
        except OSError:
            pass
        self._places, self._last = None, 0.0
        values = {name: [value for part in parts for value in part.values[name]] for name in self._names}
        return Chunk(self._names, values) if any(map(len, parts)) else None

    def _places_in(self, header: bytes) -> list[int]:
        """Positions of the wanted columns; -1 for a missing one."""
        names = header.decode("ascii", "replace").strip().split(",")
        self._width = len(names)
        return [names.index(name) if name in names else -1 for name in self._names]

    def _fits(self, places: list[int]) -> bool:
        return all(place >= 0 or not column.required for place, column in zip(places, self._columns, strict=True))

    def _rows(self, new: bytes) -> Chunk:
        lines = new.decode("ascii", "replace")
        plain = not new.translate(None, FLOAT_CHARACTERS)
        return (self._parse(lines) if plain else None) or self._parse_each(lines)

    def _parse(self, lines: str) -> Chunk | None:
        """Parse all rows at once, which is ten times as fast; None if any row is damaged."""
        assert self._places is not None
        width = self._width
        fields = lines.replace("\n", ",").split(",")
        if len(fields) != (lines.count("\n") + 1) * width:
            return None
        texts = [fields[place::width] if place >= 0 else [] for place in self._places]
        try:
            values = dict(zip(self._names, map(self._numbers, self._columns, texts), strict=True))
        except ValueError:
            return None
        rows = values[self._names[0]]
        self._last = rows[-1]
        values.update({name: [math.nan] * len(rows) for name, column in values.items() if not len(column)})
        empties: dict[str, list[int]] = {name: [] for name, column in zip(self._names, texts, strict=True) if not any(column)}
        return Chunk(self._names, values, _filled=empties)

    def _numbers(self, column: Column, texts: list[str]) -> Sequence[float]:
        """Parse a column's fields in the fastest way for its kind. Raises ValueError."""
        if column is self._columns[0]:
            return self._counted_up(texts)
        if column.kind in (COUNT, INDEX):
            known = {text: column.kind.read(text) for text in {*texts}}
            return [*map(known.__getitem__, texts)]
        if column.kind == TIME:
            return self._times(texts) if texts else []
        if all(texts):
            return [*map(float, texts)]
        if not any(texts):  # gradients are measured on some steps only
            return [math.nan] * len(texts)
        values = [math.nan] * len(texts)
        for i in compress(range(len(texts)), texts):
            values[i] = float(texts[i])
        return values

    def _times(self, texts: list[str]) -> Sequence[float]:
        if len(self._known_times) > MOST_KNOWN:
            self._known_times.clear()
        try:
            return Ticks([*map(self._known_times.__getitem__, texts)])
        except NotWhole:
            return _finite_times([*map(float, texts)])

    def _counted_up(self, texts: list[str]) -> range:
        """Parse whole numbers that count up by one, starting above the last one read. Raises ValueError."""
        if not (texts[0].isdecimal() and len(texts[-1]) < 16 and int(texts[0]) > self._last):
            raise ValueError
        numbers = range(int(texts[0]), int(texts[0]) + len(texts))
        if "\n".join(texts) != _lines_of(numbers):
            raise ValueError
        return numbers

    def _parse_each(self, lines: str) -> Chunk:
        assert self._places is not None
        rows, damaged = [], 0
        for line in lines.split("\n"):
            fields = line.split(",")
            try:
                if len(fields) != self._width:
                    raise ValueError
                row = [
                    column.kind.read(fields[place]) if place >= 0 else math.nan
                    for column, place in zip(self._columns, self._places, strict=True)
                ]
                if not row[0] > self._last:
                    raise ValueError
            except ValueError:
                damaged += 1
                continue
            self._last = row[0]
            rows.append(row)
        values: dict[str, Sequence[float]] = {name: [row[i] for row in rows] for i, name in enumerate(self._names)}
        return Chunk(self._names, values, damaged)


def _finite_times(times: list[float]) -> list[float]:
    """Return ``times`` if each can be a time in seconds. Raises ValueError otherwise."""
    different = {*times}  # usually few
    if not math.isfinite(sum(different)) or min(different) < 0 or max(different) > MOST_SECONDS:
        raise ValueError
    return times


class _Known(dict[str, int]):
    """A cache of ticks by text. Distinct texts are usually few, and a lookup takes a fraction of the time of parsing."""

    def __missing__(self, text: str) -> int:
        self[text] = tick = tick_of(float(text))
        return tick


def _lines_of(numbers: range) -> str:
    """The numbers of a range, one per line. Built a thousand at a time, which is ten times as fast as one by one."""
    parts = []
    at = numbers.start
    while at < numbers.stop:
        thousands, begin = divmod(at, 1000)
        end = min(1000, begin + numbers.stop - at)
        front = f"\n{thousands}" if thousands else "\n"
        parts += [front, front.join(LAST_DIGITS[begin:end] if thousands else map(str, range(begin, end)))]
        at += end - begin
    return "".join(parts)[1:]
