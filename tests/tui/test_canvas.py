"""A curve that is drawn as it grows looks as if it had been drawn at once."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

import plotext
import pytest

from gradtui.runs.results.axes import linear_axis, log_axis
from gradtui.tui.widgets import canvas
from gradtui.tui.widgets.canvas import Canvas, Curve, Dot, Frame, Point

LINEAR = Frame(40, 20, 1, 1000, axis=linear_axis(0.0, 1.0, None))
LOG = Frame(57, 11, 0, 1000, x_name="seconds", axis=log_axis(1e-6, 1.0, None))


def curve(seed: int) -> list[Point]:
    """Up and down by any amounts, with gaps."""
    draw = random.Random(seed)
    xs = sorted(draw.uniform(1, 1000) for _ in range(draw.randrange(1, 150)))
    return [(x, draw.choice([math.nan, draw.random() ** 3, draw.random(), 0.5])) for x in xs]


def at_once(frame: Frame, points: Sequence[Point]) -> list[str]:
    curve = Curve(Canvas(frame))
    return curve.drawn(curve.dots(points))


@pytest.mark.parametrize("frame", [LINEAR, LOG])
@pytest.mark.parametrize("seed", range(10))
def test_a_curve_that_grows_looks_as_if_drawn_at_once(frame: Frame, seed: int) -> None:
    points, draw, growing = curve(seed), random.Random(seed), Curve(Canvas(frame))
    at = 0
    while at < len(points):
        at = min(len(points), at + draw.choice([1, 1, 2, 3, 40]))
        open_end = [(x, draw.random()) for x, _ in points[max(0, at - 2) : at]]  # its last column may still move
        for now in ([*points[: max(0, at - 2)], *open_end], points[:at]):
            assert growing.drawn(growing.dots(now)) == at_once(frame, now)


def test_another_curve_begins_anew() -> None:
    one, other, drawn = curve(100), curve(101), Curve(Canvas(LOG))
    for points in (one, other, one, one[:3], ()):
        assert drawn.drawn(drawn.dots(points)) == at_once(LOG, points)


@pytest.mark.parametrize("frame", [LINEAR, LOG])
@pytest.mark.parametrize("seed", range(10))
def test_a_curve_is_where_plotext_draws_it(frame: Frame, seed: int) -> None:
    """Lines from point to point, without axes; steep ones may differ by a dot."""
    space, points = Canvas(frame), [(x, y) for x, y in curve(seed) if math.isfinite(frame.axis.place(y))]
    figure = plotext._figure._figure_class()
    figure.theme("clear")
    figure.plot_size(space.columns, space.rows)
    figure.xaxes(False, False)
    figure.yaxes(False, False)
    figure.xticks([], [])
    figure.yticks([], [])
    figure.plot([x for x, _ in points], [frame.axis.place(y) for _, y in points], marker="braille")
    figure.xlim(frame.first, frame.last)
    figure.ylim(0, 1)
    plotted = [row.ljust(space.columns) for row in figure.build().replace("\x1b[0m", "").split("\n")[: space.rows]]
    assert dots_apart(plotted, at_once(frame, points)) <= 2


def dots_apart(some: Sequence[str], others: Sequence[str]) -> int:
    """Number of dots that are in only one of two drawings."""
    bits = str.maketrans(" ", "\u2800")
    pairs = zip("".join(some).translate(bits), "".join(others).translate(bits), strict=True)
    return sum((ord(one) ^ ord(other)).bit_count() for one, other in pairs)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-250_000.0, 3.0), (-2.5e-300, 0.0), (0.0, 1e300)])
@pytest.mark.parametrize("width", [16, 40])
def test_labels_of_any_width_leave_the_canvas_whole(low: float, high: float, width: int) -> None:
    frame = Frame(width, 12, 1, 9, axis=linear_axis(low, high, None))
    space = Canvas(frame)
    assert {len(left) + space.columns for left in space.left} == {width} == {len(row) for row in space.below}
    assert {left[-1] for left in space.left} == {"│", "┤"}
    rows = at_once(frame, [(1, low), (9, high)])
    assert len(rows) == space.rows == 10
    assert {len(row) for row in rows} == {space.columns}
    for edge in (0, -1):
        assert any(row[edge] not in " \u2800" for row in rows)


def test_a_canvas_is_as_large_as_its_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "10")  # plotext takes this for the terminal size
    space = Canvas(Frame(300, 100))
    assert (space.columns, space.rows) == (293, 98)
    assert len(space.left) == 98
    assert {len(row) for row in space.below} == {300}


def test_what_lies_beyond_the_canvas_is_not_drawn() -> None:
    inside = [(x, y) for x, y in curve(7) if 200 <= x <= 800]
    for points in (inside, [(1.0, 0.5), *inside, (1000.0, 0.5)]):
        rows = at_once(Frame(40, 20, 200, 800, axis=linear_axis(0.2, 0.6, None)), points)
        assert {len(row) for row in rows} == {33}
    assert "".join(at_once(Frame(40, 20, 2000, 3000), curve(7))).isspace()


@pytest.mark.parametrize("far", [1e300, -1e300, 50.0])
def test_what_lies_far_beyond_the_canvas_costs_no_more(far: float) -> None:
    """Such as the average of a curve that exploded before the zoomed part."""
    frame = Frame(40, 20, 1, 3, axis=linear_axis(0.0, 1.0, None))
    dots = Curve(Canvas(frame)).dots([(1, far), (2, 0.5), (3, far), (1e300, far)])
    assert sum(1 for _ in canvas._line(dots)) < 10_000
    assert any(not row.isspace() for row in at_once(frame, [(1, far), (2, 0.5), (3, far)]))


def test_what_is_drawn_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[int] = []
    line = canvas._line

    def counted(dots: Sequence[Dot]) -> Iterator[tuple[int, int]]:
        handed.append(len(dots))
        return line(dots)

    monkeypatch.setattr(canvas, "_line", counted)
    points, growing = [(float(x), x % 7 / 7) for x in range(1, 1001)], Curve(Canvas(LINEAR))
    for end in range(100, 1001, 2):
        growing.drawn(growing.dots(points[:end]))
    assert sum(handed) / len(handed) < 5
