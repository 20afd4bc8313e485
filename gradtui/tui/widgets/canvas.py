"""A chart's axes, drawn by plotext, and its curves, drawn dot by dot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradtui.runs.results.axes import UNIT_AXIS, Axis
from gradtui.tui.library_internals import new_figure

LABEL_WIDTH = 6
"""Width of the y-axis labels in characters; few are longer."""
DOTS_ACROSS, DOTS_UP = 2, 4
"""Dots in one braille character."""
BITS = ((0x40, 0x80), (0x04, 0x20), (0x02, 0x10), (0x01, 0x08))
"""The Unicode bit of each dot in a braille character: rows from the bottom up, the left dot first."""
BRAILLE = {0: " ", **{bits: chr(0x2800 + bits) for bits in range(1, 256)}}

FAR = 8.0
"""Points are clamped to this many canvases away, which keeps a line's slope true and its number of dots bounded."""

Point = tuple[float, float]
Dot = tuple[int, int | None]
"""Column and row, from the lower left corner of the canvas; None as the row is a gap in the curve."""


@dataclass(frozen=True)
class Frame:
    """Size in characters, axes included, and the range of the axes: x from ``first`` to ``last``, labelled x / ``x_unit``."""

    width: int
    height: int
    first: float = 1
    last: float = 20
    x_name: str = "step"
    x_unit: float = 1
    axis: Axis = UNIT_AXIS


class Canvas:
    """The area for curves in a frame: ``columns`` by ``rows`` characters.

    ``left`` is the text to the left of each row (a label, if any, and the y axis), ``below`` the rows under the canvas.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        drawn = _axes(frame)
        start = next(column for column, character in enumerate(drawn[0]) if character in "│┤") + 1
        self.left, self.below = [row[:start] for row in drawn[:-2]], drawn[-2:]
        self.columns, self.rows = frame.width - start, frame.height - 2

    def across(self, x: float) -> float:
        """Position of x on the canvas, from 0 (left edge) to 1 (right edge)."""
        return (x - self.frame.first) / max(self.frame.last - self.frame.first, 1e-12)

    def column(self, x: float) -> int:
        """The character column of x; the nearest one if x is off the canvas."""
        return min(self.columns - 1, max(0, round(self.across(x) * (self.columns - 1))))

    def level(self, y: float) -> tuple[int, str] | None:
        """The character row of y, counted from the top, and a character with dots at its height; None off the canvas."""
        dot = dot_at(self.frame.axis.place(y), self.rows * DOTS_UP)
        if not 0 <= dot < self.rows * DOTS_UP:
            return None
        return self.rows - 1 - dot // DOTS_UP, BRAILLE[sum(BITS[dot % DOTS_UP])]

    def dot(self, point: Point) -> Dot:
        """The dot of a point, possibly off the canvas but never farther than FAR."""
        x, y = self.across(point[0]), self.frame.axis.place(point[1])
        return dot_at(x, self.columns * DOTS_ACROSS), dot_at(y, self.rows * DOTS_UP) if math.isfinite(y) else None


def dot_at(share: float, dots: int) -> int:
    """Index of the dot at ``share``, where 0 is the first of ``dots`` dots and 1 the last."""
    return math.floor(0.5 + (dots - 1) * max(-FAR, min(1 + FAR, share)))


class Curve:
    """A growing braille curve on a canvas. Parts that no longer change are drawn once, so a frame costs only what is new."""

    OPEN = 2
    """Number of points, and of dots, at a curve's end that may still move."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._placed: list[Point] = []  # the points whose dots are known
        self._placed_dots: list[Dot] = []
        self._done: list[Dot] = []
        self._done_cells = self._blank()

    def dots(self, points: Sequence[Point]) -> list[Dot]:
        """The dots of a curve's points, in order; consecutive equal dots are merged. A nan y is a gap."""
        if list(points[: len(self._placed)]) != self._placed:
            self._placed, self._placed_dots = [], []
        dots = list(self._placed_dots)
        final = max(len(self._placed), len(points) - self.OPEN)
        for at in range(len(self._placed), len(points)):
            if at == final:
                self._placed, self._placed_dots = list(points[:final]), list(dots)
            dot = self._canvas.dot(points[at])
            if not dots or dots[-1] != dot:
                dots.append(dot)
        return dots

    def drawn(self, dots: Sequence[Dot]) -> list[str]:
        """The rows of the canvas, top first, with the curve through these dots."""
        if list(dots[: len(self._done)]) != self._done:
            self._done, self._done_cells = [], self._blank()
        final = max(len(self._done), len(dots) - self.OPEN)
        self._add(self._done_cells, dots[max(0, len(self._done) - 1) : final])
        self._done = list(dots[:final])
        cells = [bytearray(row) for row in self._done_cells]
        self._add(cells, dots[max(0, final - 1) :])
        return [row.decode("latin-1").translate(BRAILLE) for row in cells]

    def _blank(self) -> list[bytearray]:
        """One byte per character, top row first; each bit is a dot."""
        return [bytearray(self._canvas.columns) for _ in range(self._canvas.rows)]

    def _add(self, cells: Sequence[bytearray], dots: Sequence[Dot]) -> None:
        columns, rows = self._canvas.columns, self._canvas.rows
        for x, y in _line(dots):
            column, row = x // DOTS_ACROSS, y // DOTS_UP
            if 0 <= column < columns and 0 <= row < rows:
                cells[rows - 1 - row][column] |= BITS[y % DOTS_UP][x % DOTS_ACROSS]


def _line(dots: Sequence[Dot]) -> Iterator[tuple[int, int]]:
    """All dots on the straight lines from each dot to the next, one per column or row; gaps stay gaps."""
    for at, (x, y) in enumerate(dots):
        if y is None:
            continue
        next_x, next_y = dots[at + 1] if at + 1 < len(dots) else (x, y)
        if next_y is None:
            next_x, next_y = x, y
        steps = max(abs(next_x - x), abs(next_y - y), 1)
        for i in range(steps):
            yield x + (next_x - x) * i // steps, y + (next_y - y) * i // steps


def both(below: str, above: str) -> str:
    """Merge two characters of curves: the result has the dots of both."""
    return chr(ord(below) | ord(above)) if " " not in (below, above) else below if above == " " else above


def _axes(frame: Frame) -> list[str]:
    """Draw a frame without a curve, as ``height`` strings of ``width`` characters."""
    figure = new_figure()
    figure.theme("clear")
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    figure.plot_size(frame.width, frame.height)
    figure.plot([frame.first], [-1.0])  # off the canvas: plotext needs one point for axes
    figure.xlim(frame.first, frame.last)
    figure.ylim(0, 1)
    y_ticks = frame.axis.ticks(most=max(2, frame.height // 3))
    figure.yticks(
        [_in_row(place, frame.height - 2) for place, _ in y_ticks], [f"{label:>{LABEL_WIDTH}}" for _, label in y_ticks]
    )
    widest = len(f"{frame.x_name} {math.ceil(frame.last / frame.x_unit):,}")
    x_ticks = _x_ticks(frame, most=max(2, frame.width // max(12, widest + 2)))  # plotext drops one of two that overlap
    figure.xticks([x for x, _ in x_ticks], [label for _, label in x_ticks])
    return [row.ljust(frame.width) for row in figure.build().replace("\x1b[0m", "").split("\n")[: frame.height]]


def _in_row(place: float, rows: int) -> float:
    """The place that plotext rounds to the row of characters in which the dot of this place is."""
    return dot_at(place, rows * DOTS_UP) // DOTS_UP / max(1, rows - 1)


def _x_ticks(frame: Frame, most: int) -> list[tuple[float, str]]:
    """Positions and labels of the x ticks, first and last included; the last label names the unit."""
    steps = max(1, most - 1)
    first, last, unit = frame.first, frame.last, frame.x_unit
    whole = frame.x_name != "seconds"
    places = [first + (last - first) * i / steps for i in range(steps + 1)]
    if whole:
        places = sorted({float(round(place)) for place in places})
    labels = [f"{math.ceil(place / unit):,}" if whole else f"{place:.3g}" for place in places]
    labels[-1] = f"{frame.x_name} {labels[-1]}"
    return list(zip(places, labels, strict=True))
