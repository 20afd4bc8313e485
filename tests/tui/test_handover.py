"""What one process hands over arrives unchanged, long arrays included; a truncated stream is refused."""

from __future__ import annotations

import asyncio
import io
from array import array
from typing import Any

import pytest

from gradtui.tui.handover import ARRAY, LONG, PIECE, hand_over, take_over

LENGTHS = [0, LONG - 1, LONG, PIECE // 4, PIECE // 4 + 1, 300_000]


def taken(data: bytes) -> Any:
    async def take() -> Any:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return await take_over(stream)

    return asyncio.run(take())


def handed(what: object) -> bytes:
    out = io.BytesIO()
    hand_over(what, out)
    return out.getvalue()


@pytest.mark.parametrize("kind", "fdIB")
def test_arrays_of_any_length_arrive(kind: str) -> None:
    what = [array(kind, [i % 251 for i in range(length)]) for length in LENGTHS]
    assert taken(handed({"all": what, "again": what[-1]})) == {"all": what, "again": what[-1]}


def test_long_arrays_are_in_no_pickle() -> None:
    numbers = array("d", range(300_000))
    assert len(handed(numbers)) < len(numbers) * numbers.itemsize + ARRAY.size + 200


def test_what_ends_too_early_is_not_taken() -> None:
    data = handed([array("d", range(2 * LONG)), "and more"])
    for cut in (0, 5, 20, 40_000, len(data) - 1):
        with pytest.raises(asyncio.IncompleteReadError):
            taken(data[:cut])
