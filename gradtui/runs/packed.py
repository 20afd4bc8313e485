"""A packed copy of the rows of a step file, so that ten million of them can be read in a second or two.

``<variant>.packed`` is written next to ``<variant>.csv``, ROWS rows at a time. The CSV file is the truth: a block is believed
only if the corresponding text in the CSV file has the checksum that the block names, and some of its rows, including the
first and the last, match the block. From the first block that is missing, torn or not believed, rows are read from the CSV
file.

A block is a HEAD followed by its parts in the byte order of the machine: the losses (float32 or float64), the times (uint32,
in ticks of 0.1 microseconds), summaries of the losses of each BLOCK rows and of the times of each STRETCH of rows, how many
rows took each time, and the places and the gradients' columns of the rows whose gradients were measured. Which columns
these are depends on the header of the CSV file.
"""

from __future__ import annotations

import math
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from gradtui.runs.columns import STEPS, Column, RowFormat
from gradtui.runs.results.spans import BLOCK, Span, extremes, total
from gradtui.runs.results.times import STRETCH, TICKS, Ticks
from gradtui.runs.safe_open import open_regular

ROWS = 16 * BLOCK


@dataclass(frozen=True)
class Layout:
    """The columns of a step file, and the ``gradients`` among them, which are measured on some rows."""

    columns: tuple[Column, ...]

    @cached_property
    def header(self) -> bytes:
        return RowFormat(self.columns).header.encode()

    @cached_property
    def gradients(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.sparse)


PLAIN, CLIPPING = (Layout(STEPS.columns_of(script=False, clips=clips)) for clips in (False, True))
LAYOUTS = {layout.header: layout for layout in (PLAIN, CLIPPING)}
"""The layouts of the step files that are packed, by header; those of a script are not."""
PACKED = ("step", "loss", "seconds", *CLIPPING.gradients)
"""The columns that a packed copy can have."""
LONGEST_HEADER = max(map(len, LAYOUTS))
MAGIC = f"gradtui 1 {sys.byteorder:6}".encode()
HEAD = Struct("=16s c I I Q I I I")
"""MAGIC, type of the losses, distinct times, measured rows, first step, bytes of CSV text, its CRC, the CRC of the parts."""

MOST_ROW_BYTES = 200
"""Upper bound on the text of a row that a worker writes."""
CHECKED_MEASURED_ROWS = 2


@dataclass
class Block:
    """ROWS consecutive rows."""

    first_step: int
    losses: array[float]
    ticks: array[int]
    """The time of each row, in ticks."""
    measured: Mapping[int, Sequence[float]]
    """The gradients' columns of the rows that have them, by place."""
    lows: array[float]
    highs: array[float]
    finite: array[int]
    totals: array[float]
    """The sum of the losses of each BLOCK rows."""
    stretches: array[int]
    """The sum of the times of each STRETCH rows."""
    counts: Mapping[int, int]
    """The number of rows by time in ticks."""
    layout: Layout = PLAIN

    @property
    def steps(self) -> range:
        return range(self.first_step, self.first_step + ROWS)

    @property
    def values(self) -> dict[str, Sequence[float]]:
        """The rows by column, without the epoch; empty in a column that the file lacks."""
        ticks = Ticks(self.ticks, self.counts, self.stretches)
        columns: dict[str, Sequence[float]] = {"step": self.steps, "loss": self.losses, "seconds": ticks}
        for name in CLIPPING.gradients:
            column = [math.nan] * ROWS
            if name in self.layout.gradients:
                i = self.layout.gradients.index(name)
                for place, row in self.measured.items():
                    column[place] = row[i]
            columns[name] = column
        return columns

    @property
    def filled(self) -> list[int]:
        """The rows that have a gradient norm."""
        return [place for place, (norm, *_) in self.measured.items() if not math.isnan(norm)]

    @property
    def spans(self) -> list[Span]:
        """Summaries of the losses, one per BLOCK rows."""
        places = range(0, ROWS, BLOCK)
        found = zip(places, self.lows, self.highs, map(bool, self.finite), self.totals, strict=True)
        return [Span(self.losses, at, at + BLOCK, low, high, finite, total) for at, low, high, finite, total in found]


def block_of(first_step: int, losses: array[float], ticks: array[int], measured: Mapping[int, Sequence[float]]) -> Block:
    """Build a block from ROWS rows."""
    found: list[array[Any]] = [array("d"), array("d"), array("B"), array("d")]
    for at in range(0, ROWS, BLOCK):
        for numbers, number in zip(found, block_sums(losses[at : at + BLOCK]), strict=True):
            numbers.append(number)
    stretches = array("Q", [sum(ticks[at : at + STRETCH]) for at in range(0, ROWS, STRETCH)])
    lows, highs, finite, totals = found
    return Block(first_step, losses, ticks, measured, lows, highs, finite, totals, stretches, Counter(ticks))


def block_sums(losses: array[float]) -> tuple[float, float, int, float]:
    """Summarize BLOCK losses: the lowest, the highest, whether all are finite, their sum."""
    values = losses.tolist()
    low, high, finite = extremes(values)
    return low, high, int(finite), total(values)


def pack(block: Block, text: bytes) -> bytes:
    """Encode a block for the file; ``text`` is its rows in the CSV file."""
    gradients = array("d", [number for row in block.measured.values() for number in row])
    times, counts = array("I", block.counts), array("I", block.counts.values())
    found = block.lows, block.highs, block.finite, block.totals, block.stretches
    parts = block.losses, block.ticks, *found, times, counts, array("I", block.measured), gradients
    body = b"".join(part.tobytes() for part in parts)
    numbers = len(block.counts), len(block.measured), block.first_step, len(text), zlib.crc32(text), zlib.crc32(body)
    return HEAD.pack(MAGIC, block.losses.typecode.encode(), *numbers) + body


class NotBelieved(Exception):
    """A block does not match the CSV file, or is incomplete."""


class PackedRows:
    """Reads the blocks of a file from the beginning, up to the first one that cannot be believed."""

    def __init__(self, csv: Path, packed: Path) -> None:
        self._csv = csv
        self._packed = packed
        self._at = 0
        self._step = 1
        self.header = b""
        """The header of the CSV file, once a block was read."""
        self.csv_at = 0
        """Offset in the CSV file of the first row not returned yet; 0 before the first block."""

    def read(self) -> Block | None:
        """The next block; None if no more can be believed."""
        try:
            with open_regular(self._packed) as packed, open_regular(self._csv) as csv:
                header = csv.readline(LONGEST_HEADER)
                _believe(header in LAYOUTS and self.header in (b"", header))
                packed.seek(self._at)
                csv.seek(self.csv_at or len(header))
                return self._next(csv, packed, LAYOUTS[header])
        except (OSError, NotBelieved):
            return None

    def _next(self, csv: BinaryIO, packed: BinaryIO, layout: Layout) -> Block:
        """Read the block at the current position of the files. Raises NotBelieved."""
        head = packed.read(HEAD.size)
        _believe(len(head) == HEAD.size)
        magic, kind, distinct, measured, first, text_bytes, text_crc, body_crc = HEAD.unpack(head)
        _believe(magic == MAGIC and kind in (b"f", b"d") and first == self._step)
        _believe(max(distinct, measured) <= ROWS and text_bytes <= ROWS * MOST_ROW_BYTES)
        blocks = ROWS // BLOCK
        counts = ROWS, ROWS, *[blocks] * 4, ROWS // STRETCH, distinct, distinct, measured, measured * len(layout.gradients)
        parts: list[array[Any]] = [array(letter) for letter in f"{kind.decode()}IddBdQIIId"]
        sizes = [count * part.itemsize for count, part in zip(counts, parts, strict=True)]
        body, text = packed.read(sum(sizes)), csv.read(text_bytes)
        _believe(len(body) == sum(sizes) and zlib.crc32(body) == body_crc)
        _believe(len(text) == text_bytes and zlib.crc32(text) == text_crc)
        at = 0
        for part, size in zip(parts, sizes, strict=True):
            part.frombytes(body[at : at + size])
            at += size
        losses, ticks, lows, highs, finite, totals, stretches, times, steps, places, numbers = parts
        _believe(sum(steps) == ROWS and all(place < ROWS for place in places))
        _believe(sum(map(mul, times, steps)) == sum(stretches))
        gradients = zip(*[iter(numbers)] * len(layout.gradients), strict=True)
        by_time = dict(zip(times, steps, strict=True))
        by_place = dict(zip(places, gradients, strict=True))
        block = Block(first, losses, ticks, by_place, lows, highs, finite, totals, stretches, by_time, layout)
        _check_sums(block)
        _check_rows(block, text)
        self._at += HEAD.size + len(body)
        self.header, self.csv_at = layout.header, (self.csv_at or len(layout.header)) + text_bytes
        self._step += ROWS
        return block


def _check_sums(block: Block) -> None:
    """Raise NotBelieved unless the first rows match the sums in the block."""
    said = block.lows[0], block.highs[0], block.finite[0], block.totals[0], block.stretches[0]
    expected = *block_sums(block.losses[:BLOCK]), sum(block.ticks[:STRETCH])
    _believe([*map(repr, said)] == [*map(repr, expected)])
    _believe(not any(map(math.isnan, (*block.lows, *block.highs))))


def _check_rows(block: Block, text: bytes) -> None:
    """Raise NotBelieved unless some rows of the text match the block."""
    _believe(text.endswith(b"\n") and list(block.measured) == sorted(block.measured))
    for place in [0, ROWS - 1, *block.measured][: 2 + CHECKED_MEASURED_ROWS]:
        begins = b"%d," % block.steps[place]
        ahead = -1 if place == 0 else text.rfind(b"\n", 0, -1) if place == ROWS - 1 else text.find(b"\n" + begins)
        line = text[ahead + 1 : text.find(b"\n", ahead + 1)]
        row = line.decode("ascii", "replace").split(",")
        _believe(line.startswith(begins) and len(row) == len(block.layout.columns))
        said = dict(zip((column.name for column in block.layout.columns), row, strict=True))
        gradients = block.measured.get(place)
        _believe(gradients is not None or not any(said[name] for name in block.layout.gradients))
        names = ["loss", "seconds", *(block.layout.gradients if gradients is not None else ())]
        numbers = [block.losses[place], block.ticks[place] / TICKS, *(gradients or ())]
        try:
            _believe([repr(float(said[name])) for name in names] == [*map(repr, numbers)])
        except ValueError:
            raise NotBelieved from None


def _believe(agrees: bool) -> None:
    if not agrees:
        raise NotBelieved
