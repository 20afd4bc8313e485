"""One side's chart: a braille curve and its axes, sent cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from textual import events

from gradtui.runs.results.axes import UNIT_AXIS, Axis
from gradtui.runs.results.bands import BandPoint
from gradtui.tui.widgets.band import Band
from gradtui.tui.widgets.canvas import DOTS_ACROSS, LABEL_WIDTH, Canvas, Curve, Frame, both
from gradtui.tui.widgets.styled_lines import Line, Lines

PLAIN = {"band": {"blocks": "░", "ascii": "-"}, "zero": {"blocks": "─", "ascii": "="}}
"""What stands for the dots of a role where there are none, so that it looks unlike a curve."""
LEAST_WIDTH, LEAST_HEIGHT = 16, 4
"""A smaller chart is not drawn."""


@dataclass(frozen=True)
class Picture:
    """What a chart shows. Both sides have the same axes.

    ``points`` are (x, y), with a nan y for a gap; ``smooth`` is a second curve drawn over them, which dims them. x ranges
    from ``first`` to ``last``; ticks are labelled x / ``x_unit``, and ``x_name`` names that unit. ``quantity`` names y.
    ``band`` lies behind the curve, and ``zero`` says whether there is a line at y = 0. ``theory`` is a dashed curve between
    the two, ``levels`` are values with a line each. ``corner`` says below the chart what is drawn. ``latest`` is the last
    value. ``mark`` is the x from which y is not finite, ``mark_step`` its step. ``cursor`` is the x of the cursor,
    ``cursor_step`` its step, ``at_cursor`` the value there. ``failure`` lines replace the curve.
    """

    quantity: str
    points: Sequence[tuple[float, float]] = ()
    smooth: Sequence[tuple[float, float]] = ()
    band: Sequence[BandPoint] = ()
    zero: bool = False
    theory: Sequence[tuple[float, float]] = ()
    levels: Sequence[float] = ()
    corner: str = ""
    first: float = 1
    last: float = 20
    x_name: str = "step"
    x_unit: float = 1
    axis: Axis = UNIT_AXIS
    latest: str = ""
    mark: float | None = None
    mark_step: float | None = None
    cursor: float | None = None
    cursor_step: int | None = None
    at_cursor: str = ""
    failure: tuple[str, ...] = ()


class LossChart(Lines):
    """The chart of one side."""

    PREFIX = "loss-chart"
    COMPONENT_CLASSES = {f"loss-chart--{role}" for role in ("curve", "dimmed", "band", "zero", "frame", "value", "failure")}
    DEFAULT_CSS = """
    LossChart {
        width: 1fr; height: 1fr; border: round $foreground 25%; border-title-color: $text;
        border-subtitle-color: $text-muted;
        .loss-chart--frame, .loss-chart--zero { color: $text-muted; }
        .loss-chart--dimmed, .loss-chart--band { color: $text-disabled; }
        .loss-chart--value { text-style: bold; }
        .loss-chart--failure { color: $text-error; }
    }
    """

    def __init__(self, *, title: str, id: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._picture: Picture | None = None
        self._words: tuple[str, ...] = ()
        self._canvas: Canvas | None = None
        self._raw: Curve
        self._smooth: Curve
        self._band: Band
        self._theory: Curve
        self._seen: object = None  # the parts of the picture that were last drawn
        self._drawn: list[Line] = []

    def say(self, *words: str) -> None:
        """Show words instead of a curve: what will be drawn here, and how to start."""
        self._picture, self._words = None, words
        self._put_in_corner("")
        self.show(self._all_lines())

    def prepare(self, picture: Picture) -> Callable[[], None]:
        """Render off-screen, in a few milliseconds unless nothing changed; return a callback that displays the result."""
        self._picture = picture
        lines = self._all_lines()

        def display() -> None:
            self._put_in_corner(picture.corner)
            self.show(lines)

        return display

    def name_it(self, title: str) -> None:
        """Show a title in the border."""
        if self.border_title != title:  # setting it repaints the whole chart
            self.border_title = title

    def _put_in_corner(self, words: str) -> None:
        if self.border_subtitle != words:
            self.border_subtitle = words

    @property
    def columns(self) -> int:
        """Columns of dots available to the curve; more than two points in one cannot be told apart."""
        return max(8, (self.size.width - LABEL_WIDTH - 1) * DOTS_ACROSS)

    def on_resize(self, event: events.Resize) -> None:
        self.show(self._all_lines())

    def _all_lines(self) -> list[Line]:
        width, height = self.size
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return list(self._lines)
        if self._picture is None:
            return _centred(self._words, width, height)
        if self._picture.failure:
            return _failure_lines(self._picture.failure, width, height)
        return [_head(self._picture, width), *self._curve(self._picture, width, height - 1)]

    def _curve(self, picture: Picture, width: int, height: int) -> list[Line]:
        """The curves in their frame; redrawn only if a dot has changed."""
        frame = Frame(width, height, picture.first, picture.last, picture.x_name, picture.x_unit, picture.axis)
        if self._canvas is None or self._canvas.frame != frame:
            self._canvas = Canvas(frame)
            self._raw, self._smooth, self._band = Curve(self._canvas), Curve(self._canvas), Band(self._canvas)
            self._theory = Curve(self._canvas)
            self._seen = None
        raw, smooth = self._raw.dots(picture.points), self._smooth.dots(picture.smooth)
        band = self._band.extents(picture.band) if picture.band else []
        theory = self._theory.dots(picture.theory)
        seen = raw, smooth, band, theory, picture.zero, picture.levels, picture.cursor, picture.mark
        if self._seen != seen:
            self._seen = seen
            rows: list[Line] = [[(row, "curve")] for row in self._raw.drawn(raw)]
            if smooth:
                rows = [_laid_over(row[0][0], over) for row, over in zip(rows, self._smooth.drawn(smooth), strict=True)]
            if theory:
                dashes = map(_dashed, self._theory.drawn(theory))
                rows = [_before(row, behind, "dimmed") for row, behind in zip(rows, dashes, strict=True)]
            if band:
                rows = [_before(row, behind, "band") for row, behind in zip(rows, self._band.drawn(band), strict=True)]
            for level in (*picture.levels, *([0.0] if picture.zero else [])):
                _draw_level(rows, self._canvas.level(level))
            if picture.cursor is not None and picture.first <= picture.cursor <= picture.last:
                rows = [_with_cursor(row, self._canvas.column(picture.cursor)) for row in rows]
            if picture.mark is not None:
                rows[-1] = _marked(rows[-1], self._canvas.column(picture.mark))
            self._drawn = _in_frame(self._canvas, rows)
        return self._drawn

    def written(self, text: str, role: str) -> str:
        plain = PLAIN.get(role, {}).get(getattr(self.app, "characters", ""), "")
        return plain * len(text) or text


def _head(picture: Picture, width: int) -> Line:
    if picture.cursor_step is not None:
        right, role = f"step {picture.cursor_step:,}: {picture.at_cursor}", "value"
    elif picture.mark_step is not None:
        right, role = f"not finite from step {picture.mark_step:,.0f}", "failure"
    else:
        right, role = picture.latest, "value"
    left = f" {picture.quantity}"[: max(0, width - len(right) - 2)]
    return [(left, "frame"), (" " * max(1, width - len(left) - len(right) - 1), ""), (right, role)]


def _in_frame(canvas: Canvas, rows: Sequence[Line]) -> list[Line]:
    """Surround the rows of a canvas with its axes."""
    framed: list[Line] = [[(left, "frame"), *row] for left, row in zip(canvas.left, rows, strict=True)]
    return [*framed, *([(row, "frame")] for row in canvas.below)]


def _laid_over(below: str, above: str) -> Line:
    """Merge two curves in one row: cells with dots of the upper curve are bright and keep the lower curve's dots."""
    line: list[tuple[str, str]] = []
    for under, over in zip(below, above, strict=True):
        role = "curve" if over != " " else "dimmed"
        character = both(under, over)
        if line and line[-1][1] == role:
            line[-1] = (line[-1][0] + character, role)
        else:
            line.append((character, role))
    return line


def _dashed(row: str) -> str:
    """A curve's row with a gap at every second character, so that it looks unlike what was measured, also without colours."""
    return "".join(" " if place % 2 else character for place, character in enumerate(row))


def _before(row: Line, background: str, background_role: str) -> Line:
    """A row of curves with the background in the cells where no curve is."""
    line: list[tuple[str, str]] = []
    at = 0
    for text, role in row:
        behind = background[at : at + len(text)]
        at += len(text)
        for blank, cells in groupby(zip(text, behind, strict=True), lambda cell: cell[0] == " " and (cell[1] != " ")):
            over, under = zip(*cells, strict=True)
            line.append(("".join(under), background_role) if blank else ("".join(over), role))
    return line


def _draw_level(rows: list[Line], level: tuple[int, str] | None) -> None:
    """Draw a dashed line where no curve is: every second character has dots, the band shows through in between."""
    if level is None:
        return
    row, dash = level
    for column in range(0, sum(len(text) for text, _ in rows[row]), 2):
        rows[row] = _replaced(rows[row], column, dash, "zero", only_blank=True)


def _replaced(line: Line, column: int, character: str, role: str, *, only_blank: bool) -> Line:
    """Return the line with one character replaced."""
    result: list[tuple[str, str]] = []
    at = 0
    for text, text_role in line:
        place = column - at
        if 0 <= place < len(text) and (not only_blank or text_role == "band" or text[place] in " \u2800"):
            result += [(text[:place], text_role), (character, role), (text[place + 1 :], text_role)]
        else:
            result.append((text, text_role))
        at += len(text)
    return [piece for piece in result if piece[0]]


def _with_cursor(row: Line, column: int) -> Line:
    return _replaced(row, column, "┊", "frame", only_blank=True)


def _marked(row: Line, column: int) -> Line:
    """Put a cross into the canvas's bottom row where the values stop being finite."""
    return _replaced(row, column, "×", "failure", only_blank=False)


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
