"""The help screen: the keys, from the table that declares them, and what the screen means."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard

WHAT_IT_MEANS = """\
Both sides train the same model on the same batches from the same weights. They differ in one line: the left side
clears its gradients with optimizer.zero_grad() before every backward(), the right side never does, so each of its
steps applies the sum of all gradients so far.

A loss that is nan or infinite leaves a gap; × marks where that began. Times compare only where one side computes at
a time (schedule turns) and after 1,000 steps. Runs are kept: gradtui list shows them."""


class HelpScreen(KeyBound, ResizeGuard, ModalScreen[None]):
    """Lists the keys of the run screen and of the app, then says what the charts mean."""

    CSS_PATH = "dialog.tcss"
    KEYS = keys.ON_HELP_SCREEN

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            width = max(len(key.shown_keys()) for key in keys.ALL)
            lines = [f"{key.shown_keys():<{width}}  {key.help}" for key in keys.ALL if key.help]
            yield Static("\n".join(lines) + "\n\n" + WHAT_IT_MEANS, markup=False)
            dialog.border_subtitle = f"{keys.CLOSE_HELP.shown} closes"
