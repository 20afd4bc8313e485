"""The main screen: the form, both charts, the results table."""

from __future__ import annotations

import asyncio
import math
import subprocess
from collections.abc import Iterator
from functools import partial

from textual import on, work
from textual.app import ComposeResult, SystemCommand
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Footer, Static

from gradtui.policies import POLICIES
from gradtui.runs import launch
from gradtui.runs.axes import UNIT_AXIS, Axis, linear_axis, log_axis
from gradtui.runs.folder import HomeError, RunFolder, create_run
from gradtui.runs.results import RunResults
from gradtui.runs.series import Thinned
from gradtui.settings import RunSettings
from gradtui.tui import keys
from gradtui.tui.following import FollowedRun
from gradtui.tui.screens.export import ExportDialog
from gradtui.tui.widgets.loss_chart import LossChart, Picture
from gradtui.tui.widgets.results_table import ResultsTable
from gradtui.tui.widgets.setup_form import SetupForm
from gradtui.tui.widgets.status_line import StatusLine, progress

DRAWINGS_PER_SECOND = 4
SMALLEST = (60, 20)
NARROW = 100
"""Below so many columns the form lies over the charts, and is folded when a run starts."""

SIDES = ("left", "right")
MARKS = ("●", "■")
"""With their hues, what tells the two sides apart wherever they appear."""


class RunScreen(Screen[None]):
    """Set up a run, watch it, control it."""

    CSS_PATH = "run.tcss"
    BINDINGS = [key.binding() for key in keys.ON_RUN_SCREEN]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]

    form_shown = var(True, toggle_class="-form")
    status = var("", bindings=True)

    def __init__(self) -> None:
        super().__init__()
        self._run: FollowedRun | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._views: dict[str, tuple[object, Thinned]] = {}
        self._axis: Axis | None = None
        self._log = False
        self._settings: RunSettings | None = None

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with Horizontal(id="body"):
            yield SetupForm(id="setup")
            with Vertical(id="stage"):
                with Horizontal(id="charts"):
                    for side in SIDES:
                        yield LossChart(title="", id=side)
                with VerticalScroll(id="results") as results:
                    results.border_title = "Results"
                    results.can_focus = False
                    yield ResultsTable(id="table")
        yield Footer(show_command_palette=False, compact=True)
        yield Static("", id="too-small", markup=False)

    def on_mount(self) -> None:
        self._ticks = self.set_interval(1 / DRAWINGS_PER_SECOND, self._tick, pause=True)
        self.form_shown = self.app.size.width >= NARROW
        if self.form_shown:
            self.query_one(SetupForm).focus_first()
        self._find_devices()

    def on_resize(self, event: Resize) -> None:
        width, height = event.size
        too_small = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(too_small, "-too-small")
        self.query_one("#too-small", Static).update(
            f"This terminal has {width}x{height} characters.\ngradtui needs {SMALLEST[0]}x{SMALLEST[1]}."
        )
        self.call_after_refresh(self._draw)

    @work(thread=True, group="devices", exit_on_error=True)
    def _find_devices(self) -> None:
        form = self.query_one(SetupForm)
        try:
            devices = launch.find_devices()
        except launch.DeviceSearchFailed as error:
            self.app.call_from_thread(form.cannot_know_devices, str(error))
        else:
            self.app.call_from_thread(form.know_devices, devices)

    @on(SetupForm.Changed)
    def _form_changed(self, event: SetupForm.Changed) -> None:
        self._settings = event.settings
        if self._run is None:
            self._draw()
        self.refresh_bindings()

    # Commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make no sense now are shown dimmed."""
        live = self.is_live
        if action == "start":
            return None if live else True
        if action in ("pause", "stop"):
            return True if live else None
        if action == "export":
            return True if self._run is not None else None
        return True

    @property
    def is_live(self) -> bool:
        """Whether the run on the screen goes on."""
        return self.status in ("running", "paused")

    @property
    def folder(self) -> RunFolder | None:
        """The run on the screen."""
        return self._run.folder if self._run else None

    def action_start(self) -> None:
        form = self.query_one(SetupForm)
        if form.settings is None:
            self.form_shown = True
            form.focus_first()
            name, problem = next(iter(form.errors.items()))
            self.notify(f"{name}: {problem}", severity="error", markup=False)
            return
        try:
            folder = create_run(form.settings)
            self._supervisor = launch.start_supervisor(folder)
        except (HomeError, OSError) as error:
            self.notify(str(error), title="The run cannot be started", severity="error", markup=False)
            return
        if self.app.size.width < NARROW:
            self.form_shown = False
        self.set_focus(None)  # what is typed now is a command, not text
        self.open_run(folder)

    def action_pause(self) -> None:
        if self._run is not None:
            if self.status == "paused":
                self._run.folder.request_resume()
            else:
                self._run.folder.request_pause()

    def action_stop(self) -> None:
        if self._run is not None:
            self._run.folder.request_stop()

    def action_export(self) -> None:
        if self._run is not None:
            self.app.push_screen(ExportDialog(self._run.folder))

    def action_setup(self) -> None:
        self.form_shown = not self.form_shown
        if self.form_shown:
            self.query_one(SetupForm).focus_first()
        else:
            self.set_focus(None)

    def action_scroll_results(self, pages: int) -> None:
        results = self.query_one("#results", VerticalScroll)
        results.scroll_relative(y=pages * max(1, results.size.height - 1), animate=False)

    def action_log_scale(self) -> None:
        self._log = not self._log
        self._axis = None
        self._draw()

    def system_commands(self) -> Iterator[SystemCommand]:
        """The commands of this screen for the palette."""
        for key in keys.ON_RUN_SCREEN:
            if self.check_action(key.action, ()):
                run = partial(self.run_action, key.action)
                yield SystemCommand(key.word.capitalize(), f"{key.help} ({key.shown_keys()})", run)

    # The run on the screen

    def open_run(self, folder: RunFolder) -> None:
        """Show a run, from its first step, and follow it."""
        self._run = FollowedRun(folder)
        self._views.clear()
        self._axis = None
        self.status = "running"
        self._draw()
        self._ticks.resume()

    async def _tick(self) -> None:
        if self._run is None:
            self._ticks.pause()
            return
        run = self._run
        if self._supervisor is not None:
            self._supervisor.poll()  # reaped, so that it does not stay as a zombie
        results = run.observe()
        while run.advance():
            await asyncio.sleep(0)  # keys are answered between the chunks
            if self._run is not run:
                return
        results = run.observe() if results.state.live else results
        self._draw()
        if not results.state.live:
            self._ticks.pause()

    def _draw(self) -> None:
        if not self.is_mounted or self.has_class("-too-small"):
            return
        if self._run is None:
            self._draw_before_run()
        else:
            results = self._run.observe()
            while not results.state.live and self._run.advance():
                results = self._run.observe()
            self.status = results.state.status
            self._draw_status(results)
            self._draw_charts(self._run, results)
            self.query_one(ResultsTable).draw(results)

    def _draw_before_run(self) -> None:
        settings = self._settings
        self.query_one(StatusLine).draw(settings.summary() if settings else "", "ready" if settings else "see the form")
        policies = (settings.left, settings.right) if settings else ("every_step", "never")
        for side, mark, policy in zip(SIDES, MARKS, policies, strict=True):
            chart = self.query_one(f"#{side}", LossChart)
            chart.border_title = f"{mark} {POLICIES[policy].title}"
            chart.say(f"The loss of training {POLICIES[policy].short}", "will be drawn here. F5 starts.")

    def _draw_status(self, results: RunResults) -> None:
        assert self._run is not None
        settings = results.state.settings
        device = results.state.device or settings.device
        summary = settings.summary().replace(f"· {settings.device}", f"· {device}")
        wide = self.size.width >= NARROW
        self.query_one(StatusLine).draw(summary, results.state.status, progress(results, self._run.steps_per_second, wide=wide))

    def _draw_charts(self, run: FollowedRun, results: RunResults) -> None:
        settings = results.state.settings
        axis = self._shared_axis(run)
        for side, mark, policy, (name, variant) in zip(
            SIDES, MARKS, (settings.left, settings.right), results.variants.items(), strict=True
        ):
            chart = self.query_one(f"#{side}", LossChart)
            title = f"{mark} {POLICIES[policy].title}"
            if chart.border_title != title:
                chart.border_title = title
            series = run.losses[name]
            state = results.state.variants[name]
            failure: tuple[str, ...] = ()
            if state.status == "failed":
                failure = (f"failed: {state.reason}", *run.folder.last_log_lines(name))
            chart.draw(
                Picture(
                    quantity="loss (log)" if self._log else "loss",
                    points=self._points(name, run, settings.planned_steps, chart.columns),
                    first=1,
                    last=settings.planned_steps,
                    axis=axis,
                    latest=variant.final_loss,
                    mark=series.first_not_finite,
                    failure=failure,
                )
            )

    def _points(self, name: str, run: FollowedRun, last: float, columns: int) -> list[tuple[float, float]]:
        key = (last, columns)
        if name not in self._views or self._views[name][0] != key:
            self._views[name] = (key, Thinned(run.losses[name], 1, last + 1, columns))
        return self._views[name][1].points()

    def _shared_axis(self, run: FollowedRun) -> Axis:
        series = run.losses.values()
        high = max(s.high for s in series)
        if high == -math.inf:  # nothing to draw yet
            return UNIT_AXIS
        if self._log:
            self._axis = log_axis(min(s.low_positive for s in series), high, self._axis)
        else:
            self._axis = linear_axis(min(s.low for s in series), high, self._axis)
        return self._axis
