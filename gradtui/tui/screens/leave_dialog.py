"""The dialog for quitting the app during a run."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label

from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard


class LeaveDialog(KeyBound, ResizeGuard, ModalScreen[str]):
    """Stop the run, leave it running, or stay: returns ``stop``, ``leave`` or ``stay``."""

    CSS_PATH = "dialog.tcss"
    KEYS = keys.IN_LEAVE_DIALOG

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run_id = run

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "A run is in progress"
            yield Label(f"{self._run_id} is still running and can continue without the app.", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"Stop it ({keys.STOP_RUN.shown})", variant="error", id="stop", compact=True)
                yield Button(f"Leave it running ({keys.LEAVE_RUN.shown})", variant="primary", id="leave", compact=True)
                yield Button(f"Stay ({keys.STAY.shown})", id="stay", compact=True)

    def on_mount(self) -> None:
        self.query_one("#stay", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)
