"""The third view of the charts: the paired difference of both sides over the steps, with its interval and a line at zero."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradtui.runs.results.axes import Axis, linear_axis
from gradtui.runs.results.bands import BandPoint
from gradtui.runs.results.paired_seeds import DifferencePoint
from gradtui.runs.results.wording import UNKNOWN
from gradtui.tui import keys
from gradtui.tui.followed_seeds import SeedDifference
from gradtui.tui.instruments import Instruments
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.widgets.loss_chart import LossChart, Picture

CHUNKS = 4
"""Chunks of rows to read between two looks at the keyboard."""
READING_SECONDS = 0.5
"""A long run is redrawn at this interval while it is being read."""


class DifferenceView:
    """Draws the difference of one run; keeps its axis stable."""

    def __init__(self) -> None:
        self._axis: Axis | None = None
        self.behind = False
        """Whether there were rows left to read when it was last drawn."""

    def reset(self) -> None:
        """Forget the axis, for another quantity or another part of the run."""
        self._axis = None

    def draw(
        self, chart: LossChart, run: FollowedRun, among: Sequence[FollowedRun], look: Instruments, steps: tuple[int, int]
    ) -> Iterator[None]:
        """Draw the steps from the first to the last of ``steps``, on an axis that fits all runs in ``among``.

        Then reads on for up to READING_SECONDS. Yields between parts of the work.
        """
        difference = run.seeds.difference(look.quantity) if run.seeds else None
        if difference is None:
            self.behind = False
            chart.name_it("Paired difference")
            chart.say(
                f"The {look.quantity.name} is not recorded for each seed,",
                f"so there is no paired difference. {keys.QUANTITY.shown} switches to the loss or the accuracy.",
            )
            return
        _read(difference)
        chart.name_it(difference.title)
        chart.prepare(self._picture(difference, run, among, look, chart.columns, steps))()
        until = time.monotonic() + READING_SECONDS
        while difference.behind and time.monotonic() < until:
            yield
            _read(difference)
        self.behind = difference.behind

    def _picture(
        self,
        difference: SeedDifference,
        run: FollowedRun,
        among: Sequence[FollowedRun],
        look: Instruments,
        columns: int,
        steps: tuple[int, int],
    ) -> Picture:
        first, last = steps[0], max(steps[1], steps[0] + 1)
        in_epochs = look.x_axis == "epoch"
        curve, settings = difference.curve, run.settings
        points = curve.points(first, last, columns)
        others = [other.seeds.difference(look.quantity) for other in among if other is not run and other.seeds]
        drawn = [*points, *(point for other in others if other for point in other.curve.points(first, last, columns))]
        ends = [y for point in drawn for y in (point.mean, point.low, point.high) if math.isfinite(y)]
        self._axis = linear_axis(min(ends, default=math.inf), max(ends, default=-math.inf), self._axis)
        there = curve.at(look.cursor) if look.cursor else curve.latest
        words = _said(there, difference.table.format)
        shown = replace(
            look, log=False, smoothing=0.0, quantity=replace(look.quantity, name=f"above 0: {settings.shorts[1]} is higher")
        )
        return Picture(
            quantity=shown.describe(),
            points=[(point.x, point.mean) for point in points],
            band=[BandPoint(point.x, point.low, point.high) for point in points],
            zero=True,
            corner=_corner(there, curve.seeds),
            first=first,
            last=last,
            x_name="epoch" if in_epochs else "step",  # each side has its own seconds
            x_unit=(settings.steps_per_epoch(0) or 1) if in_epochs else 1,
            axis=self._axis,
            latest=words,
            cursor=look.cursor,
            cursor_step=look.cursor,
            at_cursor=words,
        )


def _read(difference: SeedDifference) -> None:
    """Read some rows, in some 10 milliseconds."""
    for _ in range(CHUNKS):
        difference.advance()
        if not difference.behind:
            break


def _said(point: DifferencePoint | None, form: str) -> str:
    """A difference and its interval: ``+0.31 (+0.2 to +0.42)``."""
    if point is None or math.isnan(point.mean):
        return UNKNOWN
    return form % point.mean + ("" if math.isnan(point.low) else f" ({form % point.low} to {form % point.high})")


def _corner(point: DifferencePoint | None, seeds: int) -> str:
    counted = seeds if point is None else point.seeds
    if not counted:
        return f"none of {seeds} seeds is finite on both sides"
    left_out = f", {seeds - counted} of {seeds} not finite" if counted < seeds else ""
    return f"mean of {counted} seeds{left_out}" + (", band: 95 % interval" if counted > 1 else "")
