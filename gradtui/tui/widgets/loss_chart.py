"""One side's chart: a curve in braille, drawn with plotext and sent cell by cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events

from gradtui.runs.axes import UNIT_AXIS, Axis
from gradtui.runs.wording import number
from gradtui.tui.widgets.canvas import AXIS_COLUMN, Canvas, Frame, both
from gradtui.tui.widgets.lines import Line, Lines


@dataclass(frozen=True)
class Picture:
    """What a chart shows. Both sides have the same axes.

    ``points`` are (x, y), y nan for a gap; ``smooth`` a second curve drawn over them, which then are dimmed. ``first``
    to ``last`` is the range of x; ticks are labelled x / ``x_unit``, and ``x_name`` says what that is. ``quantity`` says
    what y is. ``mark`` is the x from which y is not finite, ``mark_step`` its step. ``cursor`` is the x of the cursor,
    with its step and the value there. ``failure`` lines stand in the place of the curve.
    """

    quantity: str
    points: Sequence[tuple[float, float]] = ()
    smooth: Sequence[tuple[float, float]] = ()
    first: float = 1
    last: float = 20
    x_name: str = "step"
    x_unit: float = 1
    axis: Axis = UNIT_AXIS
    latest: float | None = None
    mark: float | None = None
    mark_step: float | None = None
    cursor: float | None = None
    cursor_step: int | None = None
    at_cursor: float | None = None
    failure: tuple[str, ...] = ()


class LossChart(Lines):
    """The chart of one side."""

    PREFIX = "loss-chart"
    COMPONENT_CLASSES = {f"loss-chart--{role}" for role in ("curve", "dimmed", "frame", "value", "failure")}
    DEFAULT_CSS = """
    LossChart {
        width: 1fr; height: 1fr; border: round $panel-lighten-2; border-title-color: $text; padding: 0 0;
        .loss-chart--frame { color: $text-muted; }
        .loss-chart--dimmed { color: $text-disabled; }
        .loss-chart--value { text-style: bold; }
        .loss-chart--failure { color: $text-error; }
    }
    """

    def __init__(self, *, title: str, id: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._raw, self._smooth = Canvas(), Canvas()
        self._picture: Picture | None = None
        self._words: tuple[str, ...] = ()
        self._drawn: object = None
        self._curve_lines: list[Line] = []  # of the picture that looks like _drawn

    def say(self, *words: str) -> None:
        """Words in the place of a curve: what will be drawn here, and how to begin."""
        self._picture, self._words = None, words
        self.show(self._all_lines())

    def prepare(self, picture: Picture) -> Callable[[], None]:
        """Draw a picture, which takes a few milliseconds unless it looks as the last one does; call the result to show it."""
        self._picture = picture
        lines = self._all_lines()
        return lambda: self.show(lines)

    @property
    def columns(self) -> int:
        """How many columns of dots the curve may have: more points than two in each cannot be told apart."""
        return max(8, (self.size.width - 7) * 2)

    def on_resize(self, event: events.Resize) -> None:
        self._drawn = None
        self.show(self._all_lines())

    def _all_lines(self) -> list[Line]:
        width, height = self.size
        if width < 8 or height < 4:
            return list(self._lines)
        if self._picture is None:
            self._drawn = None
            return _centred(self._words, width, height)
        if self._picture.failure:
            self._drawn = None
            return _failure_lines(self._picture.failure, width, height)
        seen = _as_seen(self._picture, width, height - 1)
        if seen != self._drawn:
            self._drawn, self._curve_lines = seen, self._curve(self._picture, width, height - 1)
        return [_head(self._picture, width), *self._curve_lines]

    def _curve(self, picture: Picture, width: int, height: int) -> list[Line]:
        frame = Frame(width, height, picture.first, picture.last, picture.x_name, picture.x_unit, picture.axis)
        rows = self._raw.rows(frame, picture.points)
        if picture.smooth:
            over = self._smooth.rows(frame, picture.smooth)
            lines = [_laid_over(below, above) for below, above in zip(rows, over, strict=True)]
        else:
            lines = [_framed(row) for row in rows]
        if len(lines) >= 3:
            span = max(picture.last - picture.first, 1e-12)
            if picture.cursor is not None and picture.first <= picture.cursor <= picture.last:
                lines[:-2] = [_with_cursor(line, (picture.cursor - picture.first) / span) for line in lines[:-2]]
            if picture.mark is not None:
                lines[-3] = _marked(lines[-3], max(0.0, min(1.0, (picture.mark - picture.first) / span)))
        return lines


def _as_seen(picture: Picture, width: int, height: int) -> object:
    """What of a picture can be told apart on a canvas of this size: its points in dots."""
    across, up = (width - 7) * 2, height * 4
    span = max(picture.last - picture.first, 1e-12)
    dots: list[tuple[int, int | None]] = []
    for x, y in (*picture.points, (math.inf, math.nan), *picture.smooth):
        place = picture.axis.place(y)
        dot = (
            int((x - picture.first) / span * across) if math.isfinite(x) else -1,
            round(place * up) if math.isfinite(place) else None,
        )
        if not dots or dots[-1] != dot:
            dots.append(dot)
    frame = picture.first, picture.last, picture.x_name, picture.x_unit, picture.axis, width, height
    return frame, picture.mark, picture.cursor, dots


def _head(picture: Picture, width: int) -> Line:
    if picture.cursor_step is not None:
        right, role = f"step {picture.cursor_step:,}: {number(picture.at_cursor)}", "value"
    elif picture.mark_step is not None:
        right, role = f"not finite from step {picture.mark_step:,.0f}", "failure"
    else:
        right, role = number(picture.latest), "value"
    left = f" {picture.quantity}"[: max(0, width - len(right) - 2)]
    return [(left, "frame"), (" " * max(1, width - len(left) - len(right) - 1), ""), (right, role)]


def _framed(row: str, role: str = "curve") -> Line:
    """Tell the frame from the curve in a row of plotext's: the curve is what stands right of the axis."""
    if row[AXIS_COLUMN : AXIS_COLUMN + 1] not in ("│", "┤"):
        return [(row, "frame")]
    return [(row[: AXIS_COLUMN + 1], "frame"), (row[AXIS_COLUMN + 1 :], role)]


def _laid_over(below: str, above: str) -> Line:
    """Two curves in one row: where the upper one has dots they are bright, with the lower one's dots beside them."""
    frame = _framed(above)
    if len(frame) == 1:
        return frame
    line = [frame[0]]
    for under, over in zip(below[AXIS_COLUMN + 1 :], above[AXIS_COLUMN + 1 :], strict=True):
        role = "curve" if over != " " else "dimmed"
        character = both(under, over)
        if len(line) > 1 and line[-1][1] == role:
            line[-1] = (line[-1][0] + character, role)
        else:
            line.append((character, role))
    return line


def _replaced(line: Line, column: int, character: str, role: str, *, only_blank: bool) -> Line:
    """A line with one character changed."""
    result: list[tuple[str, str]] = []
    at = 0
    for text, text_role in line:
        place = column - at
        if 0 <= place < len(text) and not (only_blank and text[place] not in " \u2800"):
            result += [(text[:place], text_role), (character, role), (text[place + 1 :], text_role)]
        else:
            result.append((text, text_role))
        at += len(text)
    return [piece for piece in result if piece[0]]


def _canvas_column(line: Line, share: float) -> int:
    width = sum(len(text) for text, _ in line) - AXIS_COLUMN - 1
    return AXIS_COLUMN + 1 + min(width - 1, max(0, round(share * (width - 1))))


def _with_cursor(line: Line, share: float) -> Line:
    return _replaced(line, _canvas_column(line, share), "┊", "frame", only_blank=True)


def _marked(line: Line, share: float) -> Line:
    """The lowest row of the canvas with a cross where the values stop being finite."""
    return _replaced(line, _canvas_column(line, share), "×", "failure", only_blank=False)


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
