"""The main screen: the form, both charts, the results table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widgets import Footer, Static
from textual.worker import get_current_worker

from gradtui.cifar10.files import download_place
from gradtui.runs.folder import RunFolder
from gradtui.runs.history import Offer, news
from gradtui.runs.processes import launch
from gradtui.runs.results import table
from gradtui.runs.state import DELETED, LIVE_STATUSES
from gradtui.settings import RunSettings, SettingsError
from gradtui.tui import keys
from gradtui.tui.error_notices import errors_shown
from gradtui.tui.own_processes import OwnProcesses
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.screens.chart_screen import ChartScreen
from gradtui.tui.widgets.chart_pair import ChartPair
from gradtui.tui.widgets.panel import Panel
from gradtui.tui.widgets.setup_form import SetupForm
from gradtui.tui.widgets.status_line import StatusLine, progress

if TYPE_CHECKING:  # screens are imported on demand
    from gradtui.tui.screens.history_screen import RunChoice

READY_SECONDS = 1.0
"""Delay between the end of a run and warming up the next, so that the end is drawn first."""
SMALLEST = (60, 20)
NARROW = 100
"""Below this width in columns, the form overlays the charts and folds when a run starts."""


class RunScreen(ChartScreen):
    """Set up a run, watch it, control it."""

    CSS_PATH = "run.tcss"
    AUTO_FOCUS = ""  # the form manages the focus
    KEYS = keys.ON_RUN_SCREEN
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]

    form_shown = var(True, toggle_class="-form")
    status: var[str] = var("", bindings=True)

    def __init__(self, starter: launch.Starter, attached: RunFolder | None = None) -> None:
        """``attached`` is a run to show at once."""
        super().__init__()
        self._attached = attached
        self._run: FollowedRun | None = None
        self._processes = OwnProcesses(starter)
        self._settings: RunSettings | None = None
        self._offered: Offer | None = None

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
        self.form_shown = self.app.size.width >= NARROW
        if self._attached is not None:
            with errors_shown(self.app):
                self.open_run(self._attached)
        if self.form_shown:
            self.query_one(SetupForm).focus_first()
        if self._attached is None:
            self.set_timer(0.1, self._get_ready)  # after the first paint, which importing torch would delay
        self.set_timer(0.1, self._look_for_news)

    def on_unmount(self) -> None:
        self._processes.end()

    def size_changed(self) -> None:
        width, height = self.app.size
        too_small = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(too_small, "-too-small")
        self.query_one("#too-small", Static).update(
            f"This terminal has {width}x{height} characters.\ngradtui needs {SMALLEST[0]}x{SMALLEST[1]}."
        )
        self.call_after_refresh(self.redraw)

    @work(thread=True, group="ready", exclusive=True, exit_on_error=True)
    def _get_ready(self) -> None:
        """Find the devices and warm up the next run, but not during a run: importing torch would take cores from it."""
        worker = get_current_worker()
        form = self.query_one(SetupForm)
        if form.devices is None:
            try:
                devices = self._processes.find_devices()
            except (launch.DeviceSearchFailed, OSError) as error:
                if not worker.is_cancelled:  # the user quit the app
                    self.app.call_from_thread(form.cannot_know_devices, str(error))
                return
            if worker.is_cancelled:
                return
            self.app.call_from_thread(form.know_devices, devices)
        if not self.is_live and not (self._offered and self._offered.live):
            with errors_shown(self.app):
                self.app.call_from_thread(self._processes.warm_up)

    def _look_for_news(self) -> None:
        """Offer a run that is in progress, or whose end was never shown."""
        if self._run is None:
            self._offered = news()
            self.redraw()
            self.refresh_bindings()

    @on(SetupForm.Changed)
    def _form_changed(self, event: SetupForm.Changed) -> None:
        self._settings = event.settings
        if self._run is None:
            self.redraw()
        self.refresh_bindings()

    # Commands

    @property
    def runs(self) -> Sequence[FollowedRun]:
        return (self._run,) if self._run else ()

    @property
    def is_live(self) -> bool:
        """Whether the run on screen is in progress."""
        return self.status in LIVE_STATUSES

    @property
    def has_offer(self) -> bool:
        """Whether a run is in progress, or ended unseen, that can be opened with a key."""
        return self._offered is not None

    @property
    def folder(self) -> RunFolder | None:
        """The folder of the run on screen."""
        return self._run.folder if self._run else None

    def start(self) -> None:
        form = self.query_one(SetupForm)
        if form.settings is None:
            self.form_shown = True
            form.focus_first()
            name, problem = next(iter(form.errors.items()))
            self.notify(f"{name}: {problem}", severity="error", markup=False)
            return
        try:
            launch.check_can_start(form.settings, form.devices)
        except SettingsError as error:
            if form.settings.download and error.errors.keys() == {"data_dir"}:
                self._download_and_start(form.settings)
            else:
                form.show_errors(error.errors)
                self.form_shown = True
            return
        self._start(form.settings)

    def _download_and_start(self, settings: RunSettings) -> None:
        from gradtui.tui.screens.download_dialog import DownloadDialog

        def start(fetched: bool | None) -> None:
            if fetched:
                self._start(settings)

        self.app.push_screen(DownloadDialog(download_place(settings.data_dir or None)), start)

    def _start(self, settings: RunSettings) -> None:
        with errors_shown(self.app):
            folder = self._processes.start(settings)
            if self.app.size.width < NARROW:
                self.form_shown = False
            self.set_focus(None)  # from now on keys are commands, not text
            self.open_run(folder)

    def pause(self) -> None:
        if self._run is not None and self.status == "paused":
            self._run.folder.request_resume()
        elif self._run is not None:
            self._run.folder.request_pause()

    def stop(self) -> None:
        if self._run is not None:
            self._processes.stop(self._run.folder)

    def export(self) -> None:
        from gradtui.tui.screens.export_dialog import ExportDialog

        if self._run is not None:
            self.app.push_screen(ExportDialog(self._run.folder))

    def fold_form(self) -> None:
        self.form_shown = not self.form_shown
        if self.form_shown:
            self.query_one(SetupForm).focus_first()
        else:
            self.set_focus(None)

    def step(self) -> None:
        if self._run is not None:
            self._run.folder.request_step()

    def show_sweep(self) -> None:
        from gradtui.tui.screens.sweep_screen import SweepScreen

        form = self.query_one(SetupForm)
        if form.settings is not None:
            self.app.push_screen(SweepScreen(form.settings))

    def open_offered(self) -> None:
        if self._offered is not None:
            offered, self._offered = self._offered, None
            self.redraw()
            self.open_run(offered.folder)

    def show_history(self) -> None:
        from gradtui.tui.screens.history_screen import HistoryScreen

        self.app.push_screen(HistoryScreen(), self._leave_history)

    def _leave_history(self, choice: RunChoice | None) -> None:
        """Act on the choice made on the history screen."""
        if choice is None:
            return
        with errors_shown(self.app):
            if choice.what == "open":
                self.open_run(choice.folder)
            else:
                settings = choice.folder.read().settings
                self.form_shown = True
                self.query_one(SetupForm).load(settings)

    def copy_results(self) -> None:
        if self._run is not None and self._run.only_glanced:
            self.notify("Not all steps have been read yet")
        elif self._run is not None:
            results = self._run.results()
            self.app.copy_to_clipboard(f"{results.state.id}\n{table.as_text(results)}\n")
            words = "The table was sent to your clipboard (OSC 52; many terminals drop it). The rows, as CSV, are in"
            self.notify(f"{words} {self._run.folder.path}", markup=False)

    # Views

    def scroll_panel(self, pages: int) -> None:
        self.query_one(Panel).scroll_pages(pages)

    def next_view(self) -> None:
        self.query_one(Panel).next_view()
        self._draw_panel()

    # The run on screen

    def open_run(self, folder: RunFolder) -> None:
        """Show a run from its first step and follow it. Raises DamagedRun."""
        self._run = FollowedRun(folder)
        self._offered = None
        self.query_one(ChartPair).clear()
        self.redraw()
        self._follow(self._run)

    @work(group="follow", exclusive=True)
    async def _follow(self, run: FollowedRun) -> None:
        """Read and draw a run until its end is on screen. Keys are handled between chunks."""
        ended = False
        while not ended:
            # Checked before reading, so that the last read gets all rows.
            ended = not (run.observe().live or run.orphans_may_write)
            await self.read_new(run)
            await self.draw_gently()
            self._processes.reap()
            if not ended:
                await asyncio.sleep(1 / self.drawings_per_second)
        if run.observe().status == DELETED:
            self._tell_deleted(run.folder)
        run.folder.mark_seen()
        await asyncio.sleep(READY_SECONDS)
        self._get_ready()

    def _tell_deleted(self, folder: RunFolder) -> None:
        self.redraw()
        ended = "; its processes are stopped" if self._processes.end_deleted(folder) else ""
        self.notify(f"run {folder.label} was deleted{ended}", severity="error", markup=False)

    def drawing(self) -> Iterator[None]:
        if not self.is_mounted or self.has_class("-too-small") or self.waits_for_link():
            return
        if self._run is None:
            self._draw_before_run()
        else:
            self.status = self._run.state.status
            self._draw_status(self._run)
        self._draw_panel()
        if self._run is not None:
            yield from self.query_one(ChartPair).draw(self._run)

    def _draw_panel(self) -> None:
        """Draw the panel alone, so that its keys do not wait for the charts."""
        if self._run is None:
            self.query_one(Panel).announce(self._settings, self._offered)
        else:
            self.query_one(Panel).draw(self._run)

    def _draw_before_run(self) -> None:
        settings = self._settings
        self.query_one(StatusLine).draw(settings.summary() if settings else "", "ready" if settings else "see the form")
        self.query_one(ChartPair).announce(settings)

    def _draw_status(self, run: FollowedRun) -> None:
        settings = run.settings
        device = run.state.device or settings.device
        summary = settings.summary().replace(f"· {settings.device}", f"· {device}")
        wide = self.size.width >= NARROW
        self.query_one(StatusLine).draw(summary, run.state.status, progress(run, wide=wide))
