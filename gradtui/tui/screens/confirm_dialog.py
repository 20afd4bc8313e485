"""A yes-or-no dialog."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from gradtui.printing import printable
from gradtui.tui.screens.resize_guard import Settled


class AskDialog(Settled, ModalScreen[bool]):
    """Returns True if the user confirms. The safe answer has the focus."""

    CSS_PATH = "dialog.tcss"
    BINDINGS = [
        ("d,y", "answer(True)", "do it"),
        ("escape,n,q", "answer(False)", "leave it"),
        ("left", "app.focus_previous", ""),
        ("right", "app.focus_next", ""),
    ]

    def __init__(self, title: str, question: str, doing: str) -> None:
        super().__init__()
        self._heading, self._question, self._doing = title, question, doing

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._heading
            yield Static(printable(self._question), markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self._doing, variant="error", id="do", compact=True)
                yield Button("Cancel (Esc)", variant="primary", id="leave", compact=True)

    def on_mount(self) -> None:
        self.query_one("#leave", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "do")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
