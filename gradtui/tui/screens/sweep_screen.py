"""The sweep screen: a grid of optimizers, learning rates and seeds, filled in as its runs end."""

from __future__ import annotations

import subprocess
import textwrap
from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Label, Static

from gradtui.printing import printable
from gradtui.runs.export.destination import ExportError
from gradtui.runs.home import HomeError
from gradtui.runs.results import claims
from gradtui.runs.results.thresholds import SEEDS_TO_JUDGE
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweeps import grid as sweep
from gradtui.runs.sweeps.grid import Sweep
from gradtui.runs.sweeps.sweep_claims import sweep_claims
from gradtui.runs.sweeps.sweep_folder import SweepFolder, SweepReader, export_sweep
from gradtui.runs.sweeps.sweep_list import create_sweep
from gradtui.runs.sweeps.sweeper import start_sweeper
from gradtui.settings import RunSettings, SettingsError
from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard
from gradtui.tui.widgets.styled_lines import Line, Lines
from gradtui.tui.widgets.text_field import TextField

FIELDS = (
    ("optimizers", "Optimizers", "all", "comma-separated, or all"),
    ("lrs", "Learning rates", "1e-3,1e-2,1e-1", "comma-separated"),
    ("seeds", "Seeds", str(SEEDS_TO_JUDGE), "how many, starting at the form's seed"),
)


class GridLines(Lines):
    """The grid and the verdicts on the claims it tests."""

    PREFIX = "grid"
    COMPONENT_CLASSES = {"grid--head", "grid--row", "grid--note"}
    DEFAULT_CSS = """
    GridLines { height: auto; .grid--head, .grid--note { color: $text-muted; } }
    """


class SweepScreen(KeyBound, ResizeGuard, Screen[None]):
    """Sweeps the form's settings over optimizers, learning rates and seeds."""

    CSS_PATH = "sweep.tcss"
    KEYS = keys.ON_SWEEP_SCREEN

    def __init__(self, settings: RunSettings) -> None:
        super().__init__()
        self._settings = settings
        self._folder: SweepFolder | None = None
        self._reader: SweepReader | None = None
        self._sweeper: subprocess.Popen[bytes] | None = None  # kept to be reaped
        self._shown: Sweep | None = None

    def compose(self) -> ComposeResult:
        yield Static(f" gradtui  sweep of {self._settings.experiment}", id="title", markup=False)
        for name, label, default, help in FIELDS:
            with Horizontal(classes="field"):
                yield Label(label)
                yield TextField(default, id=name, compact=True)
                yield Label(help, classes="help")
        yield Static("", id="said", markup=False)
        with VerticalScroll(id="grid") as grid:
            grid.can_focus = False
            yield GridLines()
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._ticks = self.set_interval(1.0, self._tick, pause=True)
        self._say(f"{keys.START_SWEEP.shown} starts or resumes the sweep. Every run is kept.")

    def start(self) -> None:
        """Start a sweep, or continue one that is not finished."""
        try:
            status = self._folder.status() if self._folder is not None else None
            if status == "running":
                return
            if self._folder is None or status == "finished":
                self._folder = self._create()
                self._reader = SweepReader(self._folder)
            self._sweeper = start_sweeper(self._folder)
        except (SettingsError, DamagedRun, OSError) as error:
            self._say(str(error), bad=True)
            return
        self.set_focus(None)
        self._ticks.resume()
        self._tick()

    def _create(self) -> SweepFolder:
        given = self._settings.as_dict()
        typed = [self.query_one(f"#{name}", TextField).value for name, *_ in FIELDS]
        for owned in [name for name in given if sweep.is_of_optimizer(name)]:
            del given[owned]
        return create_sweep(given, *typed)

    def stop(self) -> None:
        if self._folder is None:
            return
        try:
            self._folder.request_stop()
        except HomeError:
            if self._sweeper is None or self._sweeper.poll() is not None:
                raise
            self._sweeper.terminate()

    def export(self) -> None:
        if self._reader is None:
            return
        self._reader.advance()
        path = Path(f"{self._reader.folder.id}.csv").absolute()
        try:
            count = export_sweep(self._reader.sweep, path)
        except ExportError as error:
            self._say(str(error), bad=True)
        else:
            self._say(f"Wrote {count:,} rows to {path}")

    def scroll_grid(self, pages: int) -> None:
        """Scroll the grid down by this many pages, or up if negative."""
        grid = self.query_one("#grid")
        grid.scroll_relative(y=pages * max(1, grid.scrollable_content_region.height - 1), animate=False)

    def _tick(self) -> None:
        assert self._folder is not None
        assert self._reader is not None
        if self._sweeper is not None:
            self._sweeper.poll()
        try:
            status = self._folder.status()
        except DamagedRun as error:
            self._say(str(error), bad=True)
            self._ticks.pause()
            return
        self._reader.advance()
        state = replace(self._reader.sweep, status=status)
        if state != self._shown:
            self._shown = state
            self._show(state)
        if status != "running":
            self._ticks.pause()

    def _show(self, state: Sweep) -> None:
        what = f"sweep of {state.base['experiment']}, {state.quantity}"
        self.query_one("#title", Static).update(f" gradtui  {what}   {state.status}  {state.finished}/{state.size} cells")
        self.query_one(GridLines).show(_grid(state, self._grid_width))
        if state.status in ("stopped", "lost"):
            self._say(f"The sweep is {state.status}. {keys.START_SWEEP.shown} continues it.")
        elif state.failed:
            self._say(f"{state.failed:,} cells failed; gradtui sweep --resume {state.id} repeats what failed.", bad=True)

    @property
    def _grid_width(self) -> int:
        return self.query_one("#grid").scrollable_content_region.width

    def size_changed(self) -> None:
        if self._shown is not None:
            self.call_after_refresh(self._show, self._shown)  # once the grid has its new width

    def _say(self, words: str, *, bad: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.update(printable(words))
        said.set_class(bad, "-bad")


def _grid(state: Sweep, width: int) -> list[Line]:
    rows = sweep.as_text(state, width).split("\n")
    heads = 2 if rows[1:] and rows[1].startswith(sweep.GAP) else 1  # a row and its verdict may be on two lines
    judged = [part for line in claims.as_text(sweep_claims(state)).split("\n") for part in _wrapped(line, width)]
    lines: list[Line] = [[(row, "head" if place < heads else "row")] for place, row in enumerate(rows)]
    return [*lines, [], *([(line, "note")] for line in judged)]


def _wrapped(line: str, width: int) -> list[str]:
    """The line as several, all indented as its text is."""
    text = line.lstrip()
    indent = len(line) - len(text)
    return textwrap.wrap(line, max(width, 2 * indent + 1), subsequent_indent=" " * indent)
