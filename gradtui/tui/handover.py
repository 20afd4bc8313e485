"""Hand what a process has read to the app: long arrays raw and in pieces, so that neither process holds them twice."""

from __future__ import annotations

import asyncio
import io
import pickle
from array import array
from struct import Struct
from typing import Any, BinaryIO

LONG = 4096
"""Arrays of at least this many numbers travel outside the pickle."""
PIECE = 1 << 16
"""Bytes per read; a multiple of every item size."""
COUNTS = Struct("=QQ")
"""Number of arrays, bytes of pickle."""
ARRAY = Struct("=cQ")
"""Type code, number of bytes."""


class _Pickler(pickle.Pickler):
    def __init__(self, file: BinaryIO, arrays: list[array[Any]]) -> None:
        super().__init__(file, protocol=5)
        self._arrays = arrays

    def persistent_id(self, obj: object) -> int | None:
        if not isinstance(obj, array) or len(obj) < LONG:
            return None
        self._arrays.append(obj)
        return len(self._arrays) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, arrays: list[array[Any]]) -> None:
        super().__init__(file)
        self._arrays = arrays

    def persistent_load(self, pid: int) -> array[Any]:
        return self._arrays[pid]


def hand_over(what: object, out: BinaryIO) -> None:
    arrays: list[array[Any]] = []
    pickled = io.BytesIO()
    _Pickler(pickled, arrays).dump(what)
    out.write(COUNTS.pack(len(arrays), pickled.tell()))
    for numbers in arrays:
        out.write(ARRAY.pack(numbers.typecode.encode(), len(numbers) * numbers.itemsize))
        out.write(memoryview(numbers).cast("B"))
    out.write(pickled.getbuffer())


async def take_over(stream: asyncio.StreamReader) -> Any:
    """Receive what was handed over. Raises IncompleteReadError if the stream ends early."""
    count, pickled_bytes = COUNTS.unpack(await stream.readexactly(COUNTS.size))
    arrays = []
    for _ in range(count):
        letter, left = ARRAY.unpack(await stream.readexactly(ARRAY.size))
        numbers: array[Any] = array(letter.decode())
        while left:
            piece = await stream.readexactly(min(left, PIECE))
            numbers.frombytes(piece)
            left -= len(piece)
        arrays.append(numbers)
    return _Unpickler(io.BytesIO(await stream.readexactly(pickled_bytes)), arrays).load()
