"""Both charts side by side, with shared axes and instruments."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import overload

from textual.app import ComposeResult
from textual.containers import Horizontal

from gradtui.runs.export.svg import MARKS
from gradtui.runs.results.axes import UNIT_AXIS, Axis, linear_axis, log_axis, round_up
from gradtui.runs.results.bands import SeedCurves
from gradtui.runs.results.series import Places, Series, Thinned
from gradtui.runs.results.wording import number
from gradtui.settings import RunSettings
from gradtui.tui import keys
from gradtui.tui.instruments import DIFFERENCE, QUANTITIES, Instruments
from gradtui.tui.run_follower import Curves, FollowedRun
from gradtui.tui.widgets.difference_view import DifferenceView
from gradtui.tui.widgets.loss_chart import LossChart, Picture
from gradtui.tui.widgets.seeds_shown import SeedsShown, extent_of_seeds
from gradtui.tui.widgets.theory_shown import limits_of, with_theory

SIDES = ("left", "right")

SMOOTHING_SECONDS = 0.5
"""A long curve is redrawn at this interval while it is being smoothed."""


class ChartPair(Horizontal):
    """The two charts of a run."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.instruments = Instruments()
        self._axis: Axis | None = None
        self._end = 0.0
        self.smoothing = False
        """Whether the curves were not fully smoothed when last drawn, so that drawing again pays off."""
        self._drawing: object = None
        self._views: dict[tuple[object, int, float, float, int], Thinned] = {}

        self._difference = DifferenceView()
        self._wide = LossChart(title="", id="difference")

    def compose(self) -> ComposeResult:
        for side in SIDES:
            yield LossChart(title="", id=side)

    def use(self, instruments: Instruments) -> None:
        """Use other instruments from the next drawing on."""
        if (instruments.quantity, instruments.log, instruments.zoom, instruments.x_axis) != (
            self.instruments.quantity,
            self.instruments.log,
            self.instruments.zoom,
            self.instruments.x_axis,
        ):
            self._reset_axes()
        elif instruments.seed != self.instruments.seed:
            self._axis = None  # another seed may need more or less
        if replace(instruments, cursor=None) != replace(self.instruments, cursor=None):
            self._views.clear()
        self.instruments = instruments

    def clear(self) -> None:
        """Reset the axes and views for another run."""
        self._reset_axes()
        self._views.clear()
        old = self.instruments
        quantity = old.quantity if old.quantity in QUANTITIES else QUANTITIES[0]  # another script logs other quantities
        self.instruments = Instruments(quantity=quantity, log=old.log, x_axis=old.x_axis, theory=old.theory)

    def _reset_axes(self) -> None:
        self._axis, self._end = None, 0.0
        self._difference.reset()

    def _lay_out(self, *, difference: bool) -> None:
        """Show the difference alone, or both sides. Its chart is mounted when it is first shown, as most never are."""
        if difference and not self._wide.is_attached:
            self.mount(self._wide)
        self._wide.display = difference
        for chart in self._charts:
            chart.display = not difference

    def announce(self, settings: RunSettings | None) -> None:
        """Say, before there is a run, what each chart will show and which key starts it."""
        self._drawing = None
        self._lay_out(difference=False)
        titles, shorts = (settings.titles, settings.shorts) if settings else (("left side", "right side"), ("", ""))
        for chart, mark, title, short in zip(self._charts, MARKS, titles, shorts, strict=True):
            chart.border_title = f"{mark} {title}"
            chart.say(f"The loss of training {short}".rstrip(), f"will be drawn here. {keys.START.shown} starts.")

    @property
    def _charts(self) -> list[LossChart]:
        return [self.query_one(f"#{side}", LossChart) for side in SIDES]

    def draw(self, run: FollowedRun, among: Sequence[FollowedRun] = ()) -> Iterator[None]:
        """Draw a run's current state, on axes that fit all runs in ``among`` (by default, this one).

        Yields between parts of the work. Both sides appear together, or not at all if another drawing starts
        meanwhile. If the curves are not fully smoothed by then, smooths for up to SMOOTHING_SECONDS more: see
        ``smoothing``.
        """
        this = self._drawing = object()
        among = among or (run,)
        last_step = max(one.last_step for one in among)
        first_step = max(1, math.floor(last_step * (1 - self.instruments.zoom)) + 1)
        wants_difference = self.instruments.layout == DIFFERENCE and run.seeds is not None
        self._lay_out(difference=wants_difference)
        if wants_difference:
            yield from self._difference.draw(self._wide, run, among, self.instruments, (first_step, last_step))
            self.smoothing = self._difference.behind
            return
        smoothing = self._smooth(run)
        axis = self._shared_axis(among, first_step)
        shown: list[Callable[[], None]] = []
        for side, chart in enumerate(self._charts):
            chart.name_it(f"{MARKS[side]} {run.settings.titles[side]}")
            picture = self._picture(run, among, side, chart.columns, axis, (first_step, last_step))
            shown.append(chart.prepare(picture))
            yield
            if self._drawing is not this:
                return
        for show in shown:
            show()
        self.smoothing = smoothing
        until = time.monotonic() + SMOOTHING_SECONDS
        while smoothing and time.monotonic() < until:
            smoothing = self._smooth(run)
            yield
            if self._drawing is not this:
                return

    def _smooth(self, run: FollowedRun) -> bool:
        """Smooth the next part of the run's curves; return whether any remains."""
        look = self.instruments
        if not look.smoothing:
            return False
        sides = [curves.smoothed(look.quantity, look.smoothing) for curves in run.curves.values()]
        for side in sides:
            side.advance()
        return any(side.behind for side in sides)

    def _picture(
        self, run: FollowedRun, among: Sequence[FollowedRun], side: int, columns: int, axis: Axis, steps: tuple[int, int]
    ) -> Picture:
        """Build the picture of one side's chart; ``steps`` are the first and last step shown."""
        look, name = self.instruments, run.settings.variants[side]
        curves, state = run.curves[name], run.state.variants[name]
        series = curves.series[look.quantity]
        first, last, per_unit = self._x_range(among, run.settings, side, *steps)
        smooth = curves.smoothed(look.quantity, look.smoothing).series if look.smoothing else None
        picture = Picture(
            quantity=look.describe(),
            points=self._points((name, "raw"), curves, series, first, last, columns),
            smooth=self._points((name, "smooth"), curves, smooth, first, last, columns) if smooth else (),
            first=first,
            last=last,
            x_name=look.x_axis,
            x_unit=per_unit,
            axis=axis,
            latest=number(series.ys[-1] if len(series) else None),
            mark=self._x(curves, series.first_not_finite),
            mark_step=series.first_not_finite,
            cursor=self._x(curves, look.cursor),
            cursor_step=look.cursor,
            at_cursor=number(curves.value_at(look.quantity, look.cursor)) if look.cursor else "",
            failure=(f"failed: {state.reason}", *run.folder.last_log_lines(name)) if state.status == "failed" else (),
        )
        if run.seeds is not None:
            shown = SeedsShown(run.seeds, name, look, self._places(run.seeds.curves(name, look.quantity), curves))
            picture = shown.added_to(picture, columns)
        return with_theory(picture, run, side, look, columns, steps)

    def _places(self, seeds: SeedCurves | None, curves: Curves) -> Places:
        """The x values of what is kept of each seed; none if they are not known."""
        if seeds is None:
            return ()
        return _InSeconds(seeds.stretches.xs, curves) if self.instruments.x_axis == "seconds" else seeds.stretches.xs

    def _x(self, curves: Curves, step: float | None) -> float | None:
        """A step's x coordinate."""
        return step if step is None or self.instruments.x_axis != "seconds" else curves.seconds_at(step)

    def _x_range(
        self, runs: Sequence[FollowedRun], settings: RunSettings, side: int, first_step: int, last_step: int
    ) -> tuple[float, float, float]:
        """The first x, the last x, and the x per label unit. The end grows in round steps, so that the axis rarely moves."""
        if self.instruments.x_axis == "seconds":
            end = max(curves.seconds_at(1e18) for run in runs for curves in run.curves.values())
            if end > self._end:
                self._end = round_up(end)
            return self._end * (1 - self.instruments.zoom), max(self._end, 1e-6), 1.0
        per_unit = (settings.steps_per_epoch(side) or 1) if self.instruments.x_axis == "epoch" else 1
        return first_step, max(last_step, first_step + 1), per_unit

    def _points(
        self, key: object, curves: Curves, series: Series, first: float, last: float, columns: int
    ) -> list[tuple[float, float]]:
        in_seconds = self.instruments.x_axis == "seconds"
        if in_seconds and not curves.seconds:  # unknown after a glance
            return []
        xs = _InSeconds(series.xs, curves) if in_seconds else series.xs
        return self._view(key, xs, series, first, last, columns).points()

    def _part(self, series: Series, first: float, last: float) -> list[tuple[float, float]]:
        return self._view(("axis", id(series)), series.xs, series, first, last, AXIS_COLUMNS).points()

    def _view(self, key: object, xs: Places, series: Series, first: float, last: float, columns: int) -> Thinned:
        """The view of a curve; drops any older view, of another range or width."""
        whole = (key, id(series), first, last, columns)  # a side read by another process is a new series
        if whole not in self._views:
            self._views = {old: view for old, view in self._views.items() if old[0] != key}
            self._views[whole] = Thinned(xs, series, first, last, columns)
        return self._views[whole]

    def _shared_axis(self, runs: Sequence[FollowedRun], first_step: int) -> Axis:
        look = self.instruments
        extents = [_extent(curves.series[look.quantity]) for run in runs for curves in run.curves.values()]
        if look.zoom < 1:
            last = max(run.last_step for run in runs)
            extents = [
                _extent_of(self._part(curves.series[look.quantity], first_step, last))
                for run in runs
                for curves in run.curves.values()
            ]
        extents += [extent for run in runs if run.seeds for extent in extent_of_seeds(run.seeds, look, first_step)]
        extents += [(level, level, level) for run in runs for level in limits_of(run.settings, look)]
        low, low_positive, high = (f(values) for f, values in zip((min, min, max), zip(*extents, strict=True), strict=True))
        if high == -math.inf:  # nothing to draw yet
            return UNIT_AXIS
        self._axis = log_axis(low_positive, high, self._axis) if look.log else linear_axis(low, high, self._axis)
        return self._axis


AXIS_COLUMNS = 100
"""Columns in which the zoomed part of a curve is searched for its extremes; each full column is searched once."""


def _extent(series: Series) -> tuple[float, float, float]:
    """The lowest, lowest positive and highest of the finite values."""
    return series.low, series.low_positive, series.high


def _extent_of(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    ys = [y for _, y in points if math.isfinite(y)]
    return min(ys, default=math.inf), min((y for y in ys if y > 0), default=math.inf), max(ys, default=-math.inf)


class _InSeconds:
    """Steps as the training time at their end, in seconds; reads like an array."""

    def __init__(self, steps: Places, curves: Curves) -> None:
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
