"""The sweep screen: a grid of optimizers, learning rates and seeds, filled in as its runs end."""

from __future__ import annotations

import subprocess
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Label, Static

from gradtui.runs import claims, sweep
from gradtui.runs.destination import ExportError, exporting
from gradtui.runs.home import HomeError
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweep import Sweep, SweepFolder
from gradtui.runs.sweeper import start_sweeper
from gradtui.settings import RunSettings, SettingsError
from gradtui.tui import keys
from gradtui.tui.screens.settled import Settled
from gradtui.tui.widgets.lines import Line, Lines
from gradtui.tui.widgets.text_field import TextField

FIELDS = (
    ("optimizers", "Optimizers", "all", "names with commas between, or all"),
    ("lrs", "Learning rates", "1e-3,1e-2,1e-1", "with commas between"),
    ("seeds", "Seeds", "3", "how many, from the form's seed on"),
)


class GridLines(Lines):
    """The grid and the claims that it answers."""

    PREFIX = "grid"
    COMPONENT_CLASSES = {"grid--head", "grid--row", "grid--note"}
    DEFAULT_CSS = """
    GridLines { height: auto; .grid--head, .grid--note { color: $text-muted; } }
    """


class SweepScreen(Settled, Screen[None]):
    """What is swept are the settings of the form, with these optimizers, learning rates and seeds."""

    CSS_PATH = "sweep.tcss"
    BINDINGS = [key.binding() for key in keys.ON_SWEEP_SCREEN]

    def __init__(self, settings: RunSettings) -> None:
        super().__init__()
        self._settings = settings
        self._folder: SweepFolder | None = None
        self._sweeper: subprocess.Popen[bytes] | None = None

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
        self._say("F5 starts the sweep, or goes on with one that was stopped. Every run is kept.")

    def action_start(self) -> None:
        if self._sweeper is not None and self._sweeper.poll() is None:
            return
        if self._folder is None or self._folder.read().status == "finished":
            given = self._settings.as_dict()
            typed = [self.query_one(f"#{name}", TextField).value for name, *_ in FIELDS]
            try:
                for owned in [name for name in given if sweep.is_of_optimizer(name)]:
                    del given[owned]
                self._folder = sweep.create_sweep(given, *typed)
            except (SettingsError, HomeError, OSError) as error:
                self._say(str(error), bad=True)
                return
        self._sweeper = start_sweeper(self._folder)
        self.set_focus(None)
        self._ticks.resume()
        self._tick()

    def action_stop(self) -> None:
        if self._folder is None:
            return
        try:
            self._folder.request_stop()
        except HomeError:
            if self._sweeper is None or self._sweeper.poll() is not None:
                raise
            self._sweeper.terminate()

    def action_export(self) -> None:
        if self._folder is None or not self._folder.csv.exists():
            return
        path = Path(f"{self._folder.path.name}.csv").absolute()
        try:
            with exporting(path) as file:
                file.write(self._folder.csv.read_text(encoding="ascii"))
        except ExportError as error:
            self._say(str(error), bad=True)
        else:
            self._say(f"Wrote {len(self._folder.read().outcomes):,} rows to {path}")

    def action_close(self) -> None:
        self.dismiss(None)

    def _tick(self) -> None:
        assert self._folder is not None
        try:
            state = self._folder.read()
        except DamagedRun as error:  # as it is when it was deleted
            self._ticks.pause()
            self._say(f"{self._folder.path.name}: {error}", bad=True)
            return
        ended = self._sweeper is None or self._sweeper.poll() is not None
        total = len(list(state.cells()))
        status = state.status if ended else "running"
        self.query_one("#title", Static).update(
            f" gradtui  sweep of {state.base['experiment']}, {state.quantity}   {status}  {len(state.outcomes)}/{total} runs"
        )
        self.query_one(GridLines).show(_grid(state))
        if ended:
            self._ticks.pause()

    def _say(self, words: str, *, bad: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.update(words)
        said.set_class(bad, "-bad")


def _grid(state: Sweep) -> list[Line]:
    head, *rows = sweep.as_text(state).split("\n")
    judged = claims.as_text(sweep.sweep_claims(state)).split("\n")
    return [[(head, "head")], *([(row, "row")] for row in rows), [], *([(line, "note")] for line in judged)]
