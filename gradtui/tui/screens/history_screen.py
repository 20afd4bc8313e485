"""The history: all saved runs, newest first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from gradtui.printing import printable
from gradtui.runs import history
from gradtui.runs.folder import RunFolder
from gradtui.runs.history import Summary, summarize
from gradtui.runs.home import HomeError
from gradtui.runs.saved_runs import all_runs
from gradtui.runs.state import DeletedRun
from gradtui.tui import keys
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard
from gradtui.tui.screens.confirm_dialog import ConfirmDialog
from gradtui.tui.widgets.run_list import RunList
from gradtui.tui.widgets.text_field import TextField

BATCH = 50
"""Runs read before keys are handled; more than most screens show at once."""
SHOWN_TOGETHER = 20 * BATCH
"""After the first batch, runs read before the list is rebuilt, which takes longer the longer the list is."""
REFRESH_SECONDS = 2.0


@dataclass(frozen=True)
class RunChoice:
    """What to do with a run: ``open`` it, or load its settings into the form (``again``)."""

    what: str
    folder: RunFolder


class HistoryScreen(KeyBound, ResizeGuard, Screen[RunChoice]):
    """Returns the user's choice, or None."""

    CSS_PATH = "history.tcss"
    AUTO_FOCUS = "#filter"
    KEYS = keys.ON_HISTORY_SCREEN

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Summary] = {}
        self._marked: str | None = None
        self._told = ""

    def compose(self) -> ComposeResult:
        yield Static(" gradtui  saved runs", id="title", markup=False)
        yield TextField(placeholder="type to filter: a word of the id, the status or the settings", id="filter", compact=True)
        yield RunList(id="runs")
        yield Static("", id="said", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.set_interval(REFRESH_SECONDS, self._refresh_live)
        self._load()

    @property
    def _list(self) -> RunList:
        return self.query_one(RunList)

    @work(group="load", exclusive=True)
    async def _load(self) -> None:
        try:
            folders = all_runs()
        except HomeError as error:
            self._say(str(error), bad=True)
            return
        self._runs = {folder.id: Summary(folder) for folder in folders}
        for start in range(0, len(folders), BATCH):
            for folder in folders[start : start + BATCH]:
                if folder.id in self._runs:  # not deleted meanwhile
                    self._read(folder)
            if start % SHOWN_TOGETHER == 0:
                self._show()
                self._tell_count()
            await asyncio.sleep(0)
        self._show()
        self._tell_count()

    def _read(self, folder: RunFolder) -> None:
        """Re-read a run's summary; drop the run if it was deleted meanwhile."""
        try:
            self._runs[folder.id] = summarize(folder)
        except DeletedRun:
            self._forget(folder)

    def _forget(self, folder: RunFolder) -> None:
        self._runs.pop(folder.id, None)
        self._marked = None if self._marked == folder.id else self._marked

    def _show(self) -> None:
        """Show the runs that match the filter; runs not read yet match by id only."""
        words = self.query_one("#filter", Input).value.lower().split()
        self._list.show([run for run in self._runs.values() if all(word in _searched(run) for word in words)], self._marked)

    def _tell_count(self) -> None:
        shown = len(self._list.runs)
        of = "" if shown == len(self._runs) else f" of {len(self._runs):,}"
        words = f"{shown:,}{of} saved {'run' if len(self._runs) == 1 else 'runs'}" if self._runs else "no runs yet"
        if words != self._told:
            self._told = words
            self.query_one("#title", Static).update(f" gradtui  {words}")

    def _refresh_live(self) -> None:
        live = [name for name, summary in self._runs.items() if summary.state is not None and summary.state.live]
        for name in live:
            self._read(self._runs[name].folder)
        if live:
            self._show()

    @on(Input.Changed, "#filter")
    def _filtered(self) -> None:
        self._show()
        self._list.choose(0)
        self._tell_count()
        self._say("")

    def _whole(self) -> Summary | None:
        """The current summary of the run under the cursor; if it is damaged or deleted, say so and return None."""
        chosen = self._list.chosen
        if chosen is None:
            return None
        try:
            summary = summarize(chosen.folder)
        except DeletedRun as error:
            self._say_deleted(chosen.folder, error)
            return None
        if summary.state is None:
            self._say(f"damaged: {printable(summary.problem)}", bad=True)
            return None
        return summary

    def _say_deleted(self, folder: RunFolder, error: DeletedRun) -> None:
        self._forget(folder)
        self._show()
        self._tell_count()
        self._say(str(error), bad=True)

    # Commands

    def move(self, rows: int) -> None:
        self._list.move(rows)

    def move_pages(self, pages: int) -> None:
        self._list.move(pages * self._list.page)

    def choose(self, what: str) -> None:
        if summary := self._whole():
            self.dismiss(RunChoice(what, summary.folder))

    def mark_or_compare(self) -> None:
        """Mark a run on the first press; compare it with another on the second."""
        summary = self._whole()
        if summary is None:
            return
        marked, self._marked = self._marked, None
        if marked is None:
            self._marked = summary.folder.id
            self._say(f"{summary.folder.id} is marked; {keys.COMPARE.shown} on another run compares the two")
        elif marked != summary.folder.id:
            from gradtui.tui.screens.compare_screen import CompareScreen

            self._say("")
            first = self._runs[marked].folder
            try:
                self.app.push_screen(CompareScreen(first, summary.folder))
            except DeletedRun as error:  # one of the two
                self._read(first)
                self._say_deleted(summary.folder if first.id in self._runs else first, error)
        else:
            self._say("")
        self._show()

    def export(self) -> None:
        from gradtui.tui.screens.export_dialog import ExportDialog

        if summary := self._whole():
            self.app.push_screen(ExportDialog(summary.folder))

    def delete(self) -> None:
        summary = self._list.chosen
        if summary is None:
            return
        question = f"Delete {summary.folder.label} and all its rows? This cannot be undone."

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete(summary)

        self.app.push_screen(ConfirmDialog("Delete a run", question, "Delete it"), answered)

    def _delete(self, summary: Summary) -> None:
        try:
            history.delete(summary.folder)
        except DeletedRun as error:
            self._say_deleted(summary.folder, error)
        except (ValueError, HomeError) as error:
            self._say(str(error), bad=True)
        else:
            self._forget(summary.folder)
            self._show()
            self._tell_count()
            self._say(f"{summary.folder.label} was deleted")

    def _say(self, words: str, *, bad: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.update(printable(words))
        said.set_class(bad, "-bad")


def _searched(summary: Summary) -> str:
    return f"{summary.folder.id} {summary.status} {summary.words}".lower()
