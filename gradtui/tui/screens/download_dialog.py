"""The download dialog: fetches CIFAR-10 if a run needs it and its files are missing."""

from __future__ import annotations

import time
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, ProgressBar, Static

from gradtui.cifar10 import DataMissing
from gradtui.cifar10.download import ARCHIVE_SIZE, URL, download
from gradtui.printing import printable
from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard

DRAWINGS_PER_SECOND = 4


class DownloadDialog(KeyBound, ResizeGuard, ModalScreen[bool]):
    """Fetches and checks the archive; returns True once the files are in place, False if the user gives up."""

    CSS_PATH = "dialog.tcss"
    KEYS = keys.IN_DOWNLOAD_DIALOG

    def __init__(self, to: Path) -> None:
        super().__init__()
        self._to = to
        self._given_up = False
        self._drawn = 0.0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Download CIFAR-10"
            yield Label(f"from  {URL}\nto    {printable(self._to)}", markup=False)
            yield ProgressBar(total=ARCHIVE_SIZE, show_eta=False)
            yield Static("", id="outcome", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"Cancel ({keys.CANCEL_DOWNLOAD.shown})", id="cancel", compact=True)

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()
        self._fetch()

    @work(thread=True, group="download", exit_on_error=True)
    def _fetch(self) -> None:
        try:
            download(self._to, self._progress)
        except DataMissing as error:
            self.app.call_from_thread(self._failed, str(error))
        except _GivenUp:
            pass
        else:
            self.app.call_from_thread(self._done)

    def _progress(self, done: int, total: int | None) -> None:
        """Called in the download thread, for every chunk."""
        if self._given_up:
            raise _GivenUp
        now = time.monotonic()
        if now - self._drawn > 1 / DRAWINGS_PER_SECOND:
            self._drawn = now
            self.app.call_from_thread(self._draw, done, total)

    def _draw(self, done: int, total: int | None) -> None:
        if self.is_mounted:
            self.query_one(ProgressBar).update(progress=done, total=total or ARCHIVE_SIZE)
            self.query_one("#outcome", Static).update(f"{done / 1e6:,.0f} of {(total or ARCHIVE_SIZE) / 1e6:,.0f} MB")

    def _failed(self, problem: str) -> None:
        if self.is_mounted:
            outcome = self.query_one("#outcome", Static)
            outcome.update(printable(problem))
            outcome.add_class("-bad")
            self.query_one("#cancel", Button).label = f"Close ({keys.CANCEL_DOWNLOAD.shown})"

    def _done(self) -> None:
        if not self._given_up:
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def _pressed(self) -> None:
        self.give_up()

    def give_up(self) -> None:
        self._given_up = True
        self.dismiss(False)


class _GivenUp(Exception):
    """Raised inside a download to cancel it; what it has written is removed."""
