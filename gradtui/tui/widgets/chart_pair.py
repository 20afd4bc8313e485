"""Both charts side by side, on the same axes, seen through the same instruments."""

from __future__ import annotations

import math
from array import array
from typing import overload

from textual.app import ComposeResult
from textual.containers import Horizontal

from gradtui.runs.axes import UNIT_AXIS, Axis, linear_axis, log_axis, round_up
from gradtui.runs.picture import MARKS
from gradtui.runs.results import RunResults
from gradtui.runs.series import Series, Thinned
from gradtui.settings import RunSettings
from gradtui.tui.following import Curves, FollowedRun
from gradtui.tui.instruments import Instruments
from gradtui.tui.widgets.loss_chart import LossChart, Picture

SIDES = ("left", "right")


class ChartPair(Horizontal):
    """The two charts of a run."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.instruments = Instruments()
        self._axis: Axis | None = None
        self._end = 0.0
        self._views: dict[tuple[object, float, float, int], Thinned] = {}

    def compose(self) -> ComposeResult:
        for side in SIDES:
            yield LossChart(title="", id=side)

    def use(self, instruments: Instruments) -> None:
        """Look through other instruments from the next drawing on."""
        if (instruments.quantity, instruments.log, instruments.zoom, instruments.x_axis) != (
            self.instruments.quantity,
            self.instruments.log,
            self.instruments.zoom,
            self.instruments.x_axis,
        ):
            self._axis, self._end = None, 0.0
        self._views.clear()
        self.instruments = instruments

    def clear(self) -> None:
        """Another run comes: its axes are its own."""
        self._axis, self._end = None, 0.0
        self._views.clear()
        self.instruments = Instruments(
            quantity=self.instruments.quantity, log=self.instruments.log, x_axis=self.instruments.x_axis
        )

    def announce(self, settings: RunSettings | None) -> None:
        """Before there is a run: what will be drawn where, and which key starts it."""
        titles, shorts = (settings.titles, settings.shorts) if settings else (("left side", "right side"), ("", ""))
        for chart, mark, title, short in zip(self._charts, MARKS, titles, shorts, strict=True):
            chart.border_title = f"{mark} {title}"
            chart.say(f"The loss of training {short}".rstrip(), "will be drawn here. F5 starts.")

    @property
    def _charts(self) -> list[LossChart]:
        return [self.query_one(f"#{side}", LossChart) for side in SIDES]

    def draw(self, run: FollowedRun, results: RunResults) -> None:
        """Show a run as it stands."""
        look, settings = self.instruments, results.state.settings
        last_step = results.last_step
        first_step = max(1, math.floor(last_step * (1 - look.zoom)) + 1)
        axis = self._shared_axis(run, first_step)
        for side, (chart, name) in enumerate(zip(self._charts, settings.variants, strict=True)):
            title = f"{MARKS[side]} {settings.titles[side]}"
            if chart.border_title != title:
                chart.border_title = title
            curves, state = run.curves[name], results.state.variants[name]
            series = curves.series[look.quantity]
            first, last, per_unit = self._x_range(run, settings, side, first_step, last_step)
            smooth = curves.smoothed(look.quantity, look.smoothing) if look.smoothing else None
            failure = (f"failed: {state.reason}", *run.folder.last_log_lines(name)) if state.status == "failed" else ()
            chart.draw(
                Picture(
                    quantity=look.describe(),
                    points=self._points((name, "raw"), curves, series, first, last, chart.columns),
                    smooth=self._points((name, "smooth"), curves, smooth, first, last, chart.columns) if smooth else (),
                    first=first,
                    last=last,
                    x_name=look.x_axis,
                    x_unit=per_unit,
                    axis=axis,
                    latest=series.ys[-1] if len(series) else None,
                    mark=self._x(curves, series.first_not_finite),
                    mark_step=series.first_not_finite,
                    cursor=self._x(curves, look.cursor),
                    cursor_step=look.cursor,
                    at_cursor=curves.value_at(look.quantity, look.cursor) if look.cursor else None,
                    failure=failure,
                )
            )

    def _x(self, curves: Curves, step: float | None) -> float | None:
        """A step's place on the x axis."""
        return step if step is None or self.instruments.x_axis != "seconds" else curves.seconds_at(step)

    def _x_range(
        self, run: FollowedRun, settings: RunSettings, side: int, first_step: int, last_step: int
    ) -> tuple[float, float, float]:
        """The first and the last x, and how much x one unit of the labels is. Axes stay put: they grow in round steps."""
        if self.instruments.x_axis == "seconds":
            end = max(curves.seconds_at(1e18) for curves in run.curves.values())
            if end > self._end:
                self._end = round_up(end)
            return self._end * (1 - self.instruments.zoom), max(self._end, 1e-6), 1.0
        per_unit = (settings.steps_per_epoch(side) or 1) if self.instruments.x_axis == "epoch" else 1
        return first_step, max(last_step, first_step + 1), per_unit

    def _points(
        self, key: object, curves: Curves, series: Series, first: float, last: float, columns: int
    ) -> list[tuple[float, float]]:
        whole = (key, first, last, columns)
        if whole not in self._views:
            # One view a curve: an older one, of another range or width, is of no use any more.
            self._views = {old: view for old, view in self._views.items() if old[0] != key}
            in_seconds = self.instruments.x_axis == "seconds"
            xs = _InSeconds(series.xs, curves) if in_seconds else series.xs
            self._views[whole] = Thinned(xs, series.ys, first, last, columns)
        return self._views[whole].points()

    def _shared_axis(self, run: FollowedRun, first_step: int) -> Axis:
        series = [curves.series[self.instruments.quantity] for curves in run.curves.values()]
        if self.instruments.zoom < 1:
            series = [_part(one, first_step) for one in series]
        high = max(one.high for one in series)
        if high == -math.inf:  # nothing to draw yet
            return UNIT_AXIS
        if self.instruments.log:
            self._axis = log_axis(min(one.low_positive for one in series), high, self._axis)
        else:
            self._axis = linear_axis(min(one.low for one in series), high, self._axis)
        return self._axis


def _part(series: Series, first_step: int) -> Series:
    """The end of a series, from a step on."""
    at = next((i for i in range(len(series.xs) - 1, -1, -1) if series.xs[i] < first_step), -1) + 1
    part = Series()
    if at < len(series.xs):
        part.extend(series.xs[at:], series.ys[at:])
    return part


class _InSeconds:
    """Steps as the training time at which they ended; read like an array."""

    def __init__(self, steps: array[float], curves: Curves) -> None:
        self._steps = steps
        self._curves = curves

    def __len__(self) -> int:
        return len(self._steps)

    @overload
    def __getitem__(self, at: int, /) -> float: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[float]: ...
    def __getitem__(self, at: int | slice, /) -> float | list[float]:
        if isinstance(at, slice):
            return [self._curves.seconds_at(step) for step in self._steps[at]]
        return self._curves.seconds_at(self._steps[at])
