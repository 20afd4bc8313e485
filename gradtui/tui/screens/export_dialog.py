"""The export dialog: format, destination and outcome."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static
from textual.worker import get_current_worker

from gradtui.printing import printable
from gradtui.runs.export.destination import ExportError
from gradtui.runs.export.formats import FORMATS, Format
from gradtui.runs.export.tensorboard_export import TensorBoardMissing
from gradtui.runs.folder import RunFolder
from gradtui.runs.state import DamagedRun
from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard
from gradtui.tui.widgets.text_field import TextField


class ExportDialog(KeyBound, ResizeGuard, ModalScreen[None]):
    """Asks for a format and a path, asks again before it replaces a file, and says what it wrote."""

    CSS_PATH = "dialog.tcss"
    KEYS = keys.IN_EXPORT_DIALOG

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder
        self._replaces: Path | None = None  # the file that the next press may replace

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Export"
            options = [(f"{format.title}: {format.help}", format.name) for format in FORMATS]
            yield Select(options, value=FORMATS[0].name, allow_blank=False, compact=True, id="format")
            yield TextField(FORMATS[0].place(self._folder.id), id="path", select_on_focus=False)
            yield Static("", id="outcome", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Export", variant="primary", id="write", compact=True)
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        self.query_one("#path", TextField).focus()

    @property
    def _format(self) -> Format:
        chosen = self.query_one("#format", Select).value
        return next(format for format in FORMATS if format.name == chosen)

    @on(Select.Changed, "#format")
    def _format_changed(self) -> None:
        path = self.query_one("#path", TextField)
        if path.value in [format.place(self._folder.id) for format in FORMATS]:  # the user has not typed a path
            path.value = self._format.place(self._folder.id)

    @on(Input.Changed, "#path")
    def _path_changed(self) -> None:
        self._replaces = None
        self._say("")
        self.query_one("#write", Button).label = "Export"

    @on(Input.Submitted, "#path")
    @on(Button.Pressed, "#write")
    def _write(self) -> None:
        typed = self.query_one("#path", TextField).value.strip()
        if not typed:
            self._say("Type a path.", bad=True)
            return
        format = self._format
        try:
            path = Path(typed).expanduser().absolute()
            overwrite = path == self._replaces
            if format.replaces and path.is_file() and not overwrite:
                format.check(self._folder, path, True)
                self._ask(path)
                return
            format.check(self._folder, path, overwrite)
        except (OSError, RuntimeError, ValueError) as error:  # includes an unknown home folder and a null byte in the path
            self._say(str(error), bad=True)
            return
        self._say(f"Exporting; {keys.CLOSE_EXPORT.shown} cancels.")
        self._export(format, path, overwrite)

    def _ask(self, path: Path) -> None:
        self._replaces = path
        self._say(f"{path} exists. Replace it?", bad=True)
        write = self.query_one("#write", Button)
        write.label = "Replace"
        write.focus()

    @work(thread=True, exclusive=True, group="export", exit_on_error=True)
    def _export(self, format: Format, path: Path, overwrite: bool) -> None:
        worker = get_current_worker()  # cancelled when the dialog closes or the app exits
        try:
            wrote = format.write(self._folder, path, overwrite, lambda: worker.is_cancelled)
        except (ExportError, DamagedRun, TensorBoardMissing) as error:
            outcome = partial(self._say, str(error), bad=True)
        else:
            outcome = partial(self._wrote, wrote)
        if not worker.is_cancelled:
            self.app.call_from_thread(outcome)

    def _wrote(self, what: str) -> None:
        if not self.is_attached:
            return
        self._replaces = None
        self.query_one("#write", Button).label = "Export"
        self._say(f"Wrote {what}")
        self.query_one("#close", Button).focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(None)

    def _say(self, words: str, *, bad: bool = False) -> None:
        if not self.is_attached:  # closed meanwhile
            return
        outcome = self.query_one("#outcome", Static)
        outcome.update(printable(words))
        outcome.set_class(bad, "-bad")
