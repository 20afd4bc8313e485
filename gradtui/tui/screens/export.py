"""The export dialog: where to, and what came of it."""

from __future__ import annotations

from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from gradtui.runs.export import ExportError, check_target, export_csv
from gradtui.runs.folder import DamagedRun, RunFolder
from gradtui.tui.widgets.text_field import TextField


class ExportDialog(ModalScreen[None]):
    """Asks for a path, asks again before it replaces a file, and says what it wrote."""

    CSS_PATH = "dialog.tcss"
    BINDINGS = [("escape", "dismiss", "close")]

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder
        self._replaces: Path | None = None  # what the user was asked to replace, and may now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Export as CSV"
            yield Label("One row per variant and step. Write to:")
            yield TextField(f"{self._folder.id}.csv", id="path", select_on_focus=False)
            yield Static("", id="outcome", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Export", variant="primary", id="write", compact=True)
                yield Button("Close", id="close", compact=True)

    @on(Input.Changed, "#path")
    def _path_changed(self) -> None:
        self._replaces = None
        self._say("")
        self.query_one("#write", Button).label = "Export"

    @on(Input.Submitted, "#path")
    @on(Button.Pressed, "#write")
    def _write(self) -> None:
        typed = self.query_one("#path", Input).value.strip()
        if not typed:
            self._say("Type the path of a file.", bad=True)
            return
        path = Path(typed).expanduser().absolute()
        overwrite = path == self._replaces
        try:
            if path.exists() and not path.is_dir() and not overwrite:
                check_target(path, overwrite=True)
                self._replaces = path
                self._say(f"{path} exists. Replace it?", bad=True)
                self.query_one("#write", Button).label = "Replace"
                self.query_one("#write", Button).focus()
                return
            check_target(path, overwrite=overwrite)
        except (ExportError, OSError) as error:
            self._say(str(error), bad=True)
            return
        self._export(path, overwrite)

    @work(thread=True, exclusive=True, group="export", exit_on_error=True)
    def _export(self, path: Path, overwrite: bool) -> None:
        try:
            count = export_csv(self._folder, path, overwrite=overwrite)
        except (ExportError, DamagedRun) as error:
            self.app.call_from_thread(self._say, str(error), bad=True)
        else:
            self.app.call_from_thread(self._wrote, path, count)

    def _wrote(self, path: Path, count: int) -> None:
        self._replaces = None
        self.query_one("#write", Button).label = "Export"
        self._say(f"Wrote {count:,} rows to {path}")
        self.query_one("#close", Button).focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(None)

    def _say(self, words: str, *, bad: bool = False) -> None:
        outcome = self.query_one("#outcome", Static)
        outcome.update(words)
        outcome.set_class(bad, "-bad")
