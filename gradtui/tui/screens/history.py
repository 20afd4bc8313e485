"""The history: all saved runs, newest first."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from gradtui.printing import printable
from gradtui.runs import history
from gradtui.runs.folder import HomeError, RunFolder, all_runs
from gradtui.runs.history import Summary, summarize
from gradtui.runs.wording import number
from gradtui.tui import keys
from gradtui.tui.screens.ask import AskDialog
from gradtui.tui.screens.settled import Settled
from gradtui.tui.widgets.text_field import TextField

COLUMNS = (("", 1), ("run", 28), ("status", 8), ("left loss", 9), ("right loss", 10), ("settings", None))
BATCH = 50
"""So many runs are read before keys are looked at; more than any screen shows at once."""
SHOWN_TOGETHER = 1000
"""After the first batch so many are put into the table at a time, as it is drawn anew for each time."""
REFRESH_SECONDS = 2.0


@dataclass(frozen=True)
class Choice:
    """What the user wants with a run: ``open`` it, or its settings in the form (``again``)."""

    what: str
    folder: RunFolder


class HistoryScreen(Settled, Screen[Choice]):
    """Gives the run that was chosen, or None."""

    CSS_PATH = "history.tcss"
    AUTO_FOCUS = "#filter"
    BINDINGS = [key.binding() for key in keys.ON_HISTORY_SCREEN]

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Summary] = {}
        self._marked: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(" gradtui  saved runs", id="title", markup=False)
        yield TextField(placeholder="type to filter: a word of the id, the status or the settings", id="filter", compact=True)
        table: DataTable[Text] = DataTable(cursor_type="row", zebra_stripes=False, id="runs")
        table.can_focus = False
        yield table
        yield Static("", id="said", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        for name, width in COLUMNS:
            self._table.add_column(name, key=name, width=width)
        self.set_interval(REFRESH_SECONDS, self._refresh_live)
        self._load()

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#runs", DataTable)

    @work(group="load", exclusive=True)
    async def _load(self) -> None:
        try:
            folders = all_runs()
        except HomeError as error:
            self._say(str(error), bad=True)
            return
        read: list[Summary] = []
        gc.disable()  # nearly all that is made now stays; to look for what does not would take a tenth of the time
        try:
            for start in range(0, len(folders), BATCH):
                read += map(summarize, folders[start : start + BATCH])
                if start == 0 or len(read) >= SHOWN_TOGETHER:
                    self._show(read)
                    read = []
                await asyncio.sleep(0)
        finally:
            gc.enable()
        self._show(read)
        self._tell_count()

    def _show(self, read: list[Summary]) -> None:
        self._runs.update((summary.folder.id, summary) for summary in read)
        self._add(read)

    def _tell_count(self) -> None:
        shown = self._table.row_count
        of = "" if shown == len(self._runs) else f" of {len(self._runs):,}"
        words = f"{shown:,}{of} saved {'run' if len(self._runs) == 1 else 'runs'}" if self._runs else "no runs yet"
        self.query_one("#title", Static).update(f" gradtui  {words}")

    def _add(self, summaries: list[Summary]) -> None:
        words = self.query_one("#filter", Input).value.lower().split()
        for summary in summaries:
            if all(word in _searched(summary) for word in words):
                self._table.add_row(*self._cells(summary), key=summary.folder.id)

    def _cells(self, summary: Summary) -> list[Text]:
        losses = [number(loss) if summary.state else "" for loss in summary.losses]
        mark = "A" if summary.folder.id == self._marked else ""
        return [
            Text(mark),
            Text(summary.folder.label),
            Text(summary.status),
            *(Text(loss, justify="right") for loss in losses),
            Text(printable(summary.words)),
        ]

    def _refresh_live(self) -> None:
        for name, summary in self._runs.items():
            if summary.state is not None and summary.state.live:
                self._runs[name] = summarize(summary.folder)
                self._redraw(name)

    def _redraw(self, name: str) -> None:
        if name in self._table.rows:
            for (column, _), cell in zip(COLUMNS, self._cells(self._runs[name]), strict=True):
                if self._table.get_cell(name, column) != cell:
                    self._table.update_cell(name, column, cell)

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._table.clear()
        self._add(list(self._runs.values()))
        self._tell_count()
        self._say("")

    @property
    def _chosen(self) -> Summary | None:
        """The run under the cursor."""
        if not self._table.row_count:
            return None
        key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value
        return self._runs[str(key)]

    def _whole(self) -> Summary | None:
        """The run under the cursor, unless it is damaged: that is said then."""
        summary = self._chosen
        if summary is not None and summary.state is None:
            self._say(f"damaged: {printable(summary.problem)}", bad=True)
            return None
        return summary

    # Commands

    def action_move(self, rows: int) -> None:
        table = self._table
        rows *= max(1, table.size.height - 2) if abs(rows) > 1 else 1
        table.move_cursor(row=max(0, min(table.row_count - 1, table.cursor_row + rows)))

    def action_open(self) -> None:
        if summary := self._whole():
            self.dismiss(Choice("open", summary.folder))

    def action_again(self) -> None:
        if summary := self._whole():
            self.dismiss(Choice("again", summary.folder))

    def action_compare(self) -> None:
        """The first press marks a run, the second, on another, compares."""
        summary = self._whole()
        if summary is None:
            return
        marked, self._marked = self._marked, None
        if marked is None:
            self._marked = summary.folder.id
            self._say(f"{summary.folder.id} is marked; F4 on another run compares the two")
        elif marked != summary.folder.id:
            from gradtui.tui.screens.compare import CompareScreen

            self._say("")
            self.app.push_screen(CompareScreen(self._runs[marked].folder, summary.folder))
        else:
            self._say("")
        for name in filter(None, (marked, self._marked)):
            self._redraw(name)

    def action_export(self) -> None:
        from gradtui.tui.screens.export import ExportDialog

        if summary := self._whole():
            self.app.push_screen(ExportDialog(summary.folder))

    def action_delete(self) -> None:
        summary = self._chosen
        if summary is None:
            return
        question = f"Delete {summary.folder.label} and its rows for ever?"

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete(summary)

        self.app.push_screen(AskDialog("Delete a run", question, "Delete it (d)"), answered)

    def _delete(self, summary: Summary) -> None:
        name = summary.folder.id
        try:
            history.delete(summary.folder)
        except ValueError as error:
            self._say(str(error), bad=True)
        except OSError as error:
            self._say(f"{summary.folder.label} cannot be deleted ({error.strerror})", bad=True)
        else:
            del self._runs[name]
            self._table.remove_row(name)
            self._marked = None if self._marked == name else self._marked
            self._tell_count()
            self._say(f"{summary.folder.label} was deleted")

    def action_close(self) -> None:
        self.dismiss(None)

    def _say(self, words: str, *, bad: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.update(words)
        said.set_class(bad, "-bad")


def _searched(summary: Summary) -> str:
    return f"{summary.folder.id} {summary.status} {summary.words}".lower()
