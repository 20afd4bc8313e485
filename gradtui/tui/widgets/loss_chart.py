"""One side's chart: a curve in braille, drawn with plotext and sent cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotext
from textual import events

from gradtui.runs.axes import UNIT_AXIS, Axis
from gradtui.runs.wording import number
from gradtui.tui.widgets.lines import Line, Lines


@dataclass(frozen=True)
class Picture:
    """What a chart shows. Both sides have the same axes.

    ``points`` are (x, y), y nan for a gap; ``first`` to ``last`` is the range of x. ``quantity`` says what y is,
    ``mark`` is the x from which y is not finite, ``failure`` lines stand in the place of the curve.
    """

    quantity: str
    points: Sequence[tuple[float, float]] = ()
    first: float = 1
    last: float = 20
    axis: Axis = UNIT_AXIS
    latest: float | None = None
    mark: float | None = None
    failure: tuple[str, ...] = ()


class LossChart(Lines):
    """The chart of one side."""

    PREFIX = "loss-chart"
    COMPONENT_CLASSES = {"loss-chart--curve", "loss-chart--frame", "loss-chart--value", "loss-chart--failure"}
    DEFAULT_CSS = """
    LossChart {
        width: 1fr; height: 1fr; border: round $panel-lighten-2; border-title-color: $text; padding: 0 0;
        .loss-chart--frame { color: $text-muted; }
        .loss-chart--value { text-style: bold; }
        .loss-chart--failure { color: $text-error; }
    }
    """

    def __init__(self, *, title: str, id: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._figure = plotext._figure._figure_class()  # noqa: SLF001 (the module itself has only one, shared figure)
        self._picture: Picture | None = None
        self._words: tuple[str, ...] = ()
        self._drawn: object = None

    def say(self, *words: str) -> None:
        """Words in the place of a curve: what will be drawn here, and how to begin."""
        self._picture, self._words = None, words
        self._draw()

    def draw(self, picture: Picture) -> None:
        """Show a picture; one that looks the same costs nothing."""
        self._picture = picture
        self._draw()

    @property
    def columns(self) -> int:
        """How many columns of dots the curve may have: more points than two in each cannot be told apart."""
        return max(8, (self.size.width - 7) * 2)

    def on_resize(self, event: events.Resize) -> None:
        self._drawn = None
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if width < 8 or height < 4:
            return
        if self._picture is None:
            self.show(_centred(self._words, width, height))
        elif self._picture.failure:
            self.show(_failure_lines(self._picture.failure, width, height))
        else:
            lines = [_head(self._picture, width)]
            seen = _as_seen(self._picture, width, height - 1)
            if seen != self._drawn:
                self._drawn = seen
                self.show(lines + self._curve(self._picture, width, height - 1))
            else:
                self.show(lines + self._lines[1:])

    def _curve(self, picture: Picture, width: int, height: int) -> list[Line]:
        figure = self._figure
        figure.clear_figure()
        figure.theme("clear")
        figure.plot_size(width, height)
        figure.xaxes(True, False)
        figure.yaxes(True, False)
        places = [(x, picture.axis.place(y)) for x, y in picture.points]
        if any(math.isfinite(y) for _, y in places):
            figure.plot([x for x, _ in places], [y for _, y in places], marker="braille")
        else:
            figure.plot([picture.first], [-1.0], marker="braille")  # off the canvas: plotext needs one point for axes
        figure.xlim(picture.first, max(picture.last, picture.first + 1))
        figure.ylim(0, 1)
        y_ticks = picture.axis.ticks(most=max(2, height // 3))
        figure.yticks([place for place, _ in y_ticks], [f"{label:>6}" for _, label in y_ticks])
        x_ticks = _x_ticks(picture.first, picture.last, most=max(2, width // 12))
        figure.xticks(x_ticks, [f"{tick:,.0f}" for tick in x_ticks])
        rows = figure.build().replace("\x1b[0m", "").split("\n")[:height]
        lines = [_framed(row) for row in rows]
        if picture.mark is not None and len(lines) >= 3:
            share = (picture.mark - picture.first) / max(picture.last - picture.first, 1e-12)
            lines[-3] = _marked(lines[-3], share)
        return lines


def _as_seen(picture: Picture, width: int, height: int) -> object:
    """What of a picture can be told apart on a canvas of this size: its points in dots."""
    across, up = (width - 7) * 2, height * 4
    span = max(picture.last - picture.first, 1e-12)
    dots: list[tuple[int, int | None]] = []
    for x, y in picture.points:
        place = picture.axis.place(y)
        dot = (int((x - picture.first) / span * across), round(place * up) if math.isfinite(place) else None)
        if not dots or dots[-1] != dot:
            dots.append(dot)
    return picture.first, picture.last, picture.axis, picture.mark, width, height, dots


def _head(picture: Picture, width: int) -> Line:
    if picture.mark is not None:
        right, role = f"not finite from step {picture.mark:,.0f}", "failure"
    else:
        right, role = number(picture.latest), "value"
    left = f" {picture.quantity}"
    return [(left, "frame"), (" " * max(1, width - len(left) - len(right) - 1), ""), (right, role)]


def _framed(row: str) -> Line:
    """Tell the frame from the curve in a row of plotext's: the curve is what stands right of the axis."""
    axis = max(row.find("│"), row.find("┤"))
    if axis < 0 or "└" in row:
        return [(row, "frame")]
    return [(row[: axis + 1], "frame"), (row[axis + 1 :], "curve")]


def _marked(line: Line, share: float) -> Line:
    """The lowest row of the canvas with a cross where the values stop being finite."""
    (frame, role), (canvas, curve) = line[0], line[-1]
    at = min(len(canvas) - 1, max(0, round(share * (len(canvas) - 1))))
    return [(frame, role), (canvas[:at], curve), ("×", "failure"), (canvas[at + 1 :], curve)]


def _x_ticks(first: float, last: float, most: int) -> list[float]:
    steps = max(1, most - 1)
    ticks = [first + round((last - first) * i / steps) for i in range(steps + 1)]
    return sorted(set(ticks))


def _centred(words: Sequence[str], width: int, height: int) -> list[Line]:
    top = max(0, (height - len(words)) // 2)
    lines: list[Line] = [[] for _ in range(top)]
    lines += [[(word[:width].center(width).rstrip(), "frame")] for word in words]
    return (lines + [[] for _ in range(height)])[:height]


def _failure_lines(failure: Sequence[str], width: int, height: int) -> list[Line]:
    """The reason, then as many of the log's last lines as fit, long ones wrapped."""
    reason, *log = failure
    wrapped = [line[i : i + width - 2] for line in log for i in range(0, max(1, len(line)), width - 2)]
    head: list[Line] = [[(" " + part, "failure")] for part in _wrap(reason, width - 2)]
    body: list[Line] = [[(" " + line, "frame")] for line in wrapped[-(height - len(head) - 1) :]]
    lines = [*head, [], *body]
    return (lines + [[] for _ in range(height)])[:height]


def _wrap(text: str, width: int) -> list[str]:
    return [text[i : i + width] for i in range(0, max(1, len(text)), width)]
