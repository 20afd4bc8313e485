"""The main screen: the form, both charts, the results table."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from textual import on, work
from textual.app import ComposeResult, SystemCommand
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Footer, Static

from gradtui.cifar10.files import download_place
from gradtui.runs import launch
from gradtui.runs.folder import HomeError, RunFolder, create_run
from gradtui.runs.results import RunResults
from gradtui.settings import RunSettings, SettingsError
from gradtui.tui import keys
from gradtui.tui.following import FollowedRun
from gradtui.tui.instruments import Instruments
from gradtui.tui.widgets.chart_pair import ChartPair
from gradtui.tui.widgets.panel import Panel
from gradtui.tui.widgets.setup_form import SetupForm
from gradtui.tui.widgets.status_line import StatusLine, progress

DRAWINGS_PER_SECOND = 4
SMALLEST = (60, 20)
NARROW = 100
"""Below so many columns the form lies over the charts, and is folded when a run starts."""


class RunScreen(Screen[None]):
    """Set up a run, watch it, control it."""

    CSS_PATH = "run.tcss"
    AUTO_FOCUS = ""  # what has the focus is the form's business
    BINDINGS = [key.binding() for key in keys.ON_RUN_SCREEN]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]

    form_shown = var(True, toggle_class="-form")
    status = var("", bindings=True)

    def __init__(self, attached: RunFolder | None = None) -> None:
        """``attached`` is a run to show at once."""
        super().__init__()
        self._attached = attached
        self._run: FollowedRun | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._settings: RunSettings | None = None

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with Horizontal(id="body"):
            yield SetupForm(id="setup")
            with Vertical(id="stage"):
                yield ChartPair(id="charts")
                yield Panel(id="panel")
        yield Footer(show_command_palette=False, compact=True)
        yield Static("", id="too-small", markup=False)

    def on_mount(self) -> None:
        self._ticks = self.set_interval(1 / DRAWINGS_PER_SECOND, self._tick, pause=True)
        self.form_shown = self.app.size.width >= NARROW
        if self._attached is not None:
            self.open_run(self._attached)
        if self.form_shown:
            self.query_one(SetupForm).focus_first()
        self.set_timer(0.1, self._find_devices)  # not before the first paint: importing torch would hold it up

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
        if action == "step":
            return True if self.status == "paused" else None
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
            launch.check(form.settings, form.devices)
        except SettingsError as error:
            if form.settings.download and error.errors.keys() == {"data_dir"}:
                self._download_and_start(form.settings)
            else:
                form.show_errors(error.errors)
                self.form_shown = True
            return
        self._start(form.settings)

    def _download_and_start(self, settings: RunSettings) -> None:
        from gradtui.tui.screens.download import DownloadDialog

        def start(fetched: bool | None) -> None:
            if fetched:
                self._start(settings)

        self.app.push_screen(DownloadDialog(download_place(settings.data_dir or None)), start)

    def _start(self, settings: RunSettings) -> None:
        try:
            folder = create_run(settings)
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
        from gradtui.tui.screens.export import ExportDialog

        if self._run is not None:
            self.app.push_screen(ExportDialog(self._run.folder))

    def action_setup(self) -> None:
        self.form_shown = not self.form_shown
        if self.form_shown:
            self.query_one(SetupForm).focus_first()
        else:
            self.set_focus(None)

    def action_step(self) -> None:
        if self._run is not None:
            self._run.folder.request_step()

    def action_sweep(self) -> None:
        from gradtui.tui.screens.sweep import SweepScreen

        form = self.query_one(SetupForm)
        if form.settings is not None:
            self.app.push_screen(SweepScreen(form.settings))

    # What is looked at, and how

    def action_scroll_panel(self, pages: int) -> None:
        panel = self.query_one(Panel)
        panel.scroll_relative(y=pages * max(1, panel.size.height - 1), animate=False)

    def action_next_view(self) -> None:
        self.query_one(Panel).next_view()
        self._draw()

    def action_log_scale(self) -> None:
        self._use(self._instruments.other_scale())

    def action_quantity(self) -> None:
        self._use(self._instruments.next_quantity())

    def action_smoothing(self) -> None:
        self._use(self._instruments.next_smoothing())

    def action_x_axis(self) -> None:
        self._use(self._instruments.next_x_axis())

    def action_zoom(self) -> None:
        self._use(self._instruments.next_zoom())

    def action_cursor(self, direction: int) -> None:
        if self._run is None:
            return
        last = max(len(curves.seconds) for curves in self._run.curves.values())
        stride = max(1, round(last * self._instruments.zoom / 200))  # across the chart in at most some 200 presses
        at = self._instruments.cursor
        self._use(replace(self._instruments, cursor=max(1, min(last, last if at is None else at + direction * stride))))

    def action_no_cursor(self) -> None:
        self._use(replace(self._instruments, cursor=None))

    @property
    def _instruments(self) -> Instruments:
        return self.query_one(ChartPair).instruments

    def _use(self, instruments: Instruments) -> None:
        self.query_one(ChartPair).use(instruments)
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
        self.query_one(ChartPair).clear()
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
            self.query_one(ChartPair).draw(self._run, results)
            self.query_one(Panel).draw(results, None)

    def _draw_before_run(self) -> None:
        settings = self._settings
        self.query_one(StatusLine).draw(settings.summary() if settings else "", "ready" if settings else "see the form")
        self.query_one(ChartPair).announce(settings)
        self.query_one(Panel).draw(None, settings)

    def _draw_status(self, results: RunResults) -> None:
        assert self._run is not None
        settings = results.state.settings
        device = results.state.device or settings.device
        summary = settings.summary().replace(f"· {settings.device}", f"· {device}")
        wide = self.size.width >= NARROW
        self.query_one(StatusLine).draw(summary, results.state.status, progress(results, self._run.steps_per_second, wide=wide))
