"""A curve on plotext's canvas, with its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotext

from gradtui.runs.axes import UNIT_AXIS, Axis

LABEL_WIDTH = 6
AXIS_COLUMN = LABEL_WIDTH
"""Where plotext draws the y axis; right of it stands the curve."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """The canvas's size in characters, and what its axes say: x from ``first`` to ``last``, labelled x / ``x_unit``."""

    width: int
    height: int
    first: float = 1
    last: float = 20
    x_name: str = "step"
    x_unit: float = 1
    axis: Axis = UNIT_AXIS


class Canvas:
    """One growing curve. plotext takes its time for every dot, so what of the curve is done with is drawn once."""

    MOST_NEW = 16
    """So many points may be new before they are drawn for good."""
    OPEN = 2
    """So many at a curve's end may still move."""

    def __init__(self) -> None:
        self._figure = plotext._figure._figure_class()  # noqa: SLF001 (the module itself has only one, shared figure)
        self._figure.theme("clear")
        self._figure.xaxes(True, False)
        self._figure.yaxes(True, False)
        self._frame: Frame | None = None
        self._done: Sequence[Point] = ()
        self._done_rows: list[str] = []

    def rows(self, frame: Frame, points: Sequence[Point]) -> list[str]:
        """The curve in its frame: ``height`` strings of ``width`` characters. A y that is nan is a gap."""
        if frame != self._frame or list(points[: len(self._done)]) != list(self._done):
            self._frame, self._done, self._done_rows = frame, (), []
        if len(points) - len(self._done) > self.MOST_NEW:
            self._done_rows = self._with(points[: -self.OPEN])
            self._done = list(points[: -self.OPEN])
        return self._with(points)

    def _with(self, points: Sequence[Point]) -> list[str]:
        """What is drawn for good, and what of these points is not."""
        assert self._frame is not None
        new = _plot(self._figure, self._frame, points[max(0, len(self._done) - 1) :])  # from the last one that was drawn on
        return [both(below, above) for below, above in zip(self._done_rows, new, strict=True)] if self._done_rows else new


def both(below: str, above: str) -> str:
    """Two rows in one: where both have dots, the dots of both."""
    return below if below == above else "".join(map(_both_dots, below, above))


def _both_dots(below: str, above: str) -> str:
    if below == above or above == " ":
        return below
    return above if below == " " else chr(ord(below) | ord(above))  # braille: each dot is a bit


def _plot(figure: plotext._figure._figure_class, frame: Frame, points: Sequence[Point]) -> list[str]:
    figure.clear_data()
    figure.plot_size(frame.width, frame.height)
    places = [(x, frame.axis.place(y)) for x, y in points]
    if any(math.isfinite(y) for _, y in places):
        figure.plot([x for x, _ in places], [y for _, y in places], marker="braille")
    else:
        figure.plot([frame.first], [-1.0], marker="braille")  # off the canvas: plotext needs one point for axes
    figure.xlim(frame.first, frame.last)
    figure.ylim(0, 1)
    y_ticks = frame.axis.ticks(most=max(2, frame.height // 3))
    figure.yticks([place for place, _ in y_ticks], [f"{label:>{LABEL_WIDTH}}" for _, label in y_ticks])
    widest = len(f"{frame.x_name} {math.ceil(frame.last / frame.x_unit):,}")
    x_ticks = _x_ticks(frame, most=max(2, frame.width // max(12, widest + 2)))  # plotext drops one of two that overlap
    figure.xticks([x for x, _ in x_ticks], [label for _, label in x_ticks])
    return [row.ljust(frame.width) for row in figure.build().replace("\x1b[0m", "").split("\n")[: frame.height]]


def _x_ticks(frame: Frame, most: int) -> list[tuple[float, str]]:
    """Where labels stand on the x axis, first and last included, and what they say; the last names the unit."""
    steps = max(1, most - 1)
    first, last, unit = frame.first, frame.last, frame.x_unit
    whole = frame.x_name != "seconds"
    places = [first + (last - first) * i / steps for i in range(steps + 1)]
    if whole:
        places = sorted({float(round(place)) for place in places})
    labels = [f"{math.ceil(place / unit):,}" if whole else f"{place:.3g}" for place in places]
    labels[-1] = f"{frame.x_name} {labels[-1]}"
    return list(zip(places, labels, strict=True))
