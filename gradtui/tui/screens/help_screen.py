"""The help screen: the keys, from the table that declares them, and what the screen means."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from gradtui.tui import keys
from gradtui.tui.screens.resize_guard import Settled

WHAT_IT_MEANS = """\
Both sides train the same model on the same batches from the same weights. They differ in one line: the left side
clears its gradients with optimizer.zero_grad() before every backward(), the right side never does, so each of its
steps applies the sum of all gradients so far.

A loss that is nan or infinite leaves a gap; × marks where that began. Times compare only where one side computes at
a time (schedule turns) and after 1,000 steps. Runs are kept: gradtui list shows them."""


class HelpScreen(Settled, ModalScreen[None]):
    """Closed by the keys that open it, and by Escape."""

    CSS_PATH = "dialog.tcss"
    BINDINGS = [("escape,q,f1,question_mark", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            width = max(len(key.shown_keys()) for key in keys.ALL)
            lines = [f"{key.shown_keys():<{width}}  {key.help}" for key in keys.ALL]
            lines.append(f"{'^p':<{width}}  All commands by name")
            lines.append(f"{'Tab':<{width}}  Next field; letters typed into a text field are text")
            yield Static("\n".join(lines) + "\n\n" + WHAT_IT_MEANS, markup=False)
            dialog.border_subtitle = "Esc closes"
