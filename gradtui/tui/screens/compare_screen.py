"""The compare screen: two runs, one above the other, on the same axes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Footer

from gradtui.runs.folder import RunFolder
from gradtui.runs.results import table
from gradtui.runs.state import DELETED
from gradtui.tui import keys
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.screens.chart_screen import ChartScreen
from gradtui.tui.widgets.chart_pair import ChartPair
from gradtui.tui.widgets.styled_lines import Line, Lines

PLACES = ("upper", "lower")


class RunHead(Lines):
    """Names the run below and says how it ended."""

    PREFIX = "run-head"
    COMPONENT_CLASSES = {"run-head--name", "run-head--dim"}
    DEFAULT_CSS = """
    RunHead {
        height: 1; background: $panel;
        .run-head--name { text-style: bold; color: $primary; background: $panel; }
        .run-head--dim { color: $text-muted; background: $panel; }
    }
    """


class CompareScreen(ChartScreen):
    """Each run has a pair of charts; all four share the same axes. Live runs are followed."""

    CSS_PATH = "compare.tcss"
    KEYS = keys.ON_COMPARE_SCREEN

    def __init__(self, upper: RunFolder, lower: RunFolder) -> None:
        super().__init__()
        self._runs = (FollowedRun(upper), FollowedRun(lower))

    @property
    def runs(self) -> Sequence[FollowedRun]:
        return self._runs

    def compose(self) -> ComposeResult:
        for place in PLACES:
            with Vertical(id=place):
                yield RunHead()
                yield ChartPair()
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._follow()

    def size_changed(self) -> None:
        self.call_after_refresh(self.redraw)

    @work(group="follow", exclusive=True)
    async def _follow(self) -> None:
        ended = False
        while not ended:
            live = [run.observe().live for run in self._runs]
            ended = not any(live)
            for run in self._runs:
                await self.read_new(run)
            await self.draw_gently()
            await asyncio.sleep(1 / self.drawings_per_second)
        for run in self._runs:
            if run.observe().status == DELETED:
                self.notify(f"run {run.folder.label} was deleted", severity="error", markup=False)
        self.redraw()

    def drawing(self) -> Iterator[None]:
        if not self.is_mounted or self.waits_for_link():
            return
        for run, place in zip(self._runs, PLACES, strict=True):
            head, pair = self.query_one(f"#{place} RunHead", RunHead), self.query_one(f"#{place} ChartPair", ChartPair)
            results = run.results()
            said = [
                f"{row.label} {row.left} / {row.right}"
                for row in table.rows(results)
                if row.label in ("final loss", "accuracy")
            ]
            words = [results.state.settings.summary(), results.state.status, *said]
            line: Line = [(f" {results.state.id}  ", "name"), ("  ".join(words), "dim")]
            head.show([line])
            yield from pair.draw(run, among=self._runs)
