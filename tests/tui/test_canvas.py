"""A curve that is drawn as it grows looks as if it had been drawn at once."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from gradtui.runs.axes import linear_axis, log_axis
from gradtui.tui.widgets import canvas
from gradtui.tui.widgets.canvas import Canvas, Frame, Point

LINEAR = Frame(40, 20, 1, 1000, axis=linear_axis(0.0, 1.0, None))
LOG = Frame(57, 11, 0, 1000, x_name="seconds", axis=log_axis(1e-6, 1.0, None))


def curve(seed: int) -> list[Point]:
    """Up and down by any amounts, with gaps."""
    draw = random.Random(seed)
    xs = sorted(draw.uniform(1, 1000) for _ in range(draw.randrange(1, 150)))
    return [(x, draw.choice([math.nan, draw.random() ** 3, draw.random(), 0.5])) for x in xs]


@pytest.mark.parametrize("frame", [LINEAR, LOG])
@pytest.mark.parametrize("seed", range(10))
def test_a_curve_that_grows_looks_as_if_drawn_at_once(frame: Frame, seed: int) -> None:
    points, draw, growing = curve(seed), random.Random(seed), Canvas()
    at = 0
    while at < len(points):
        at = min(len(points), at + draw.choice([1, 1, 2, 3, 40]))
        open_end = [(x, draw.random()) for x, _ in points[max(0, at - 2) : at]]  # its last column may still move
        for now in ([*points[: max(0, at - 2)], *open_end], points[:at]):
            assert growing.rows(frame, now) == Canvas().rows(frame, now)


def test_another_frame_or_another_curve_begins_anew() -> None:
    one, other, drawn = curve(100), curve(101), Canvas()
    for frame, points in ((LINEAR, one), (LOG, one), (LOG, other), (LINEAR, one), (LINEAR, one[:3]), (LINEAR, ())):
        assert drawn.rows(frame, points) == Canvas().rows(frame, points)


def test_what_is_drawn_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[int] = []
    plot = canvas._plot

    def counted(figure: object, frame: Frame, points: Sequence[Point]) -> list[str]:
        handed.append(len(points))
        return plot(figure, frame, points)

    monkeypatch.setattr(canvas, "_plot", counted)
    points, growing = [(float(x), x % 7 / 7) for x in range(1, 1001)], Canvas()
    for end in range(100, 1001, 2):
        growing.rows(LINEAR, points[:end])
    assert sum(handed) / len(handed) < 12
