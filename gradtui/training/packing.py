"""Write packed rows next to a step file: see runs/packed.py. No error here fails the training."""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gradtui import private
from gradtui.runs.packed import ROWS, block_of, pack


class Packing:
    """Collects rows into blocks. The first full block creates the file; rows left over at the end are not packed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._gone_wrong = False
        self._first_step = 1
        self._losses = array("f")
        self._ticks = array("I")
        self._measured: dict[int, Sequence[float]] = {}
        self._text = bytearray()

    def add(self, losses: array[float], ticks: Sequence[int], measured: Mapping[int, Sequence[float]], text: bytes) -> None:
        """Add the next rows, which the CSV file holds as ``text``.

        Losses are in single precision if that is exact; ``measured`` maps the index of some rows to their gradients, as
        they read back from the text.
        """
        if self._gone_wrong:
            return
        if not self._losses:
            self._losses = array(losses.typecode)
        try:
            self._ticks.extend(array("I", ticks))
        except OverflowError:  # a step of more than seven minutes
            self._give_up()
            return
        self._measured.update({len(self._losses) + place: row for place, row in measured.items()})
        self._losses.extend(losses)
        self._text += text
        while len(self._losses) >= ROWS and not self._gone_wrong:
            self._write()

    def _write(self) -> None:
        """Write the next ROWS rows as a block."""
        text = b"\n".join(self._text.split(b"\n", ROWS)[:ROWS]) + b"\n"
        measured = {place: row for place, row in self._measured.items() if place < ROWS}
        data = pack(block_of(self._first_step, self._losses[:ROWS], self._ticks[:ROWS], measured), text)
        try:
            if self._file is None:
                self._file = private.opener(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
            if os.write(self._file, data) < len(data):
                self._give_up()
        except OSError:
            self._give_up()
        self._first_step += ROWS
        self._measured = {place - ROWS: row for place, row in self._measured.items() if place >= ROWS}
        del self._losses[:ROWS], self._ticks[:ROWS], self._text[: len(text)]

    def _give_up(self) -> None:
        """Stop packing and delete the file: readers use the CSV file instead, which needs the space on a full disk."""
        self._gone_wrong = True
        if self._file is not None:
            os.close(self._file)
            with suppress(OSError):
                os.unlink(self._path)
