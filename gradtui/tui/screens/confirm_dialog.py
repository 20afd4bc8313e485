"""A yes-or-no dialog."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from gradtui.printing import printable
from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard


class ConfirmDialog(KeyBound, ResizeGuard, ModalScreen[bool]):
    """Returns True if the user confirms. The safe answer has the focus."""

    CSS_PATH = "dialog.tcss"
    KEYS = keys.IN_CONFIRM_DIALOG

    def __init__(self, title: str, question: str, doing: str) -> None:
        super().__init__()
        self._heading, self._question, self._doing = title, question, doing

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._heading
            yield Static(printable(self._question), markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"{self._doing} ({keys.CONFIRM.shown})", variant="error", id="do", compact=True)
                yield Button(f"Cancel ({keys.CANCEL.shown})", variant="primary", id="cancel", compact=True)

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "do")
