"""The help screen: the keys, from the table that declares them, and what the screen means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from gradtui.tui import keys
from gradtui.tui.key_bindings import Key, KeyBound
from gradtui.tui.library_internals import ResizeGuard

WHAT_IT_MEANS = """\
Both sides train the same model on the same batches from the same weights. They differ in one line: the left side
clears its gradients with optimizer.zero_grad() before every backward(), the right side never does, so each of its
steps applies the sum of all gradients so far.

A loss that is nan or infinite leaves a gap; × marks where that began. Times are compared only if the sides take turns
(schedule turns), and only after 1,000 steps. Runs are kept: gradtui list shows them."""


class HelpScreen(KeyBound, ResizeGuard, ModalScreen[None]):
    """Lists the keys of the run screen and of the app, then says what the charts mean."""

    CSS_PATH = "dialog.tcss"
    KEYS = keys.ON_HELP_SCREEN

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = "Keys"
            yield Static(_table(keys.ALL))
            yield Static(f"\n{WHAT_IT_MEANS}", markup=False)
            dialog.border_subtitle = f"{keys.CLOSE_HELP.shown} closes"


def _table(keys: Sequence[Key[Any]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for key in keys:
        if key.help:
            table.add_row(Text(key.shown_keys(), no_wrap=True), Text(key.help))
    return table
