"""The band behind a curve: a sparse texture of dots, which looks unlike any curve even without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradtui.runs.results.bands import BandPoint
from gradtui.tui.widgets.canvas import BITS, BRAILLE, DOTS_ACROSS, DOTS_UP, Canvas, dot_at

APART = 2
"""Every second dot of the texture is set, like the dark squares of a chessboard: edges stay sharp, and curves stand out."""

Extent = tuple[int, int]
"""The lowest and the highest row of dots of a band in one column of dots."""


class Band:
    """Draws a band on a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def extents(self, points: Sequence[BandPoint]) -> list[Extent | None]:
        """The rows of dots that the band covers in each column of dots, with straight edges from point to point."""
        found: list[Extent | None] = [None] * (self._canvas.columns * DOTS_ACROSS)
        before: tuple[int, int, int] | None = None
        for point in points:
            if math.isnan(point.low):
                before = None
                continue
            now = self._place(point)
            for x, low, high in _between(before or now, now):
                if 0 <= x < len(found):
                    known = found[x]
                    found[x] = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
            before = now
        top = self._canvas.rows * DOTS_UP - 1
        return [_clipped(extent, top) for extent in found]

    def _place(self, point: BandPoint) -> tuple[int, int, int]:
        """Column and rows of dots. An edge that has no place on the axis lies beyond the canvas."""
        axis, dots = self._canvas.frame.axis, self._canvas.rows * DOTS_UP
        low, high = axis.place(point.low), axis.place(point.high)
        x = dot_at(self._canvas.across(point.x), self._canvas.columns * DOTS_ACROSS)
        below, above = -1.0, 2.0
        if math.isnan(high):
            high = above if point.high > 0 else below
        return x, dot_at(below if math.isnan(low) else low, dots), dot_at(high, dots)

    def drawn(self, extents: Sequence[Extent | None]) -> list[str]:
        """The rows of the canvas, top first, with the texture in these rows of each column."""
        rows = self._canvas.rows
        cells = [bytearray(self._canvas.columns) for _ in range(rows)]
        for x, extent in enumerate(extents):
            if extent is None:
                continue
            column, side = divmod(x, DOTS_ACROSS)
            for y in range(extent[0] + (extent[0] + x) % APART, extent[1] + 1, APART):
                cells[rows - 1 - y // DOTS_UP][column] |= BITS[y % DOTS_UP][side]
        return [row.decode("latin-1").translate(BRAILLE) for row in cells]


def _between(before: tuple[int, int, int], now: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The columns after one point up to the next, each with its rows."""
    (x0, low0, high0), (x1, low1, high1) = before, now
    if x1 <= x0:
        return [now]
    return [
        (x0 + i, low0 + (low1 - low0) * i // (x1 - x0), high0 + (high1 - high0) * i // (x1 - x0)) for i in range(1, x1 - x0 + 1)
    ]


def _clipped(extent: Extent | None, top: int) -> Extent | None:
    if extent is None or extent[1] < 0 or extent[0] > top:
        return None
    return max(0, extent[0]), min(top, extent[1])
