"""The grid of a sweep on a small screen: nothing is cut off, and keys reach all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from gradtui.runs.sweeps.grid import Outcome
from gradtui.runs.sweeps.sweep_list import create_sweep
from gradtui.settings import RunSettings
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.screens.sweep_screen import GridLines, SweepScreen
from tests.tui.pilot import drive, until


@pytest.mark.slow
def test_every_line_fits_and_can_be_scrolled_to(home: Path) -> None:
    sweep = create_sweep({"experiment": "linear"}, "all", "1e-3,1e-2,1e-1", "3").read()
    outcomes = [Outcome(cell, "run", "finished", 0.1 + cell.seed / 1000, 0.3) for cell in sweep.cells()]
    finished = replace(sweep, status="finished", outcomes=outcomes)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        shown = SweepScreen(RunSettings.parse({"experiment": "linear"}))
        await pilot.app.push_screen(shown)
        await pilot.pause()
        shown._shown = finished
        shown._show(finished)
        await pilot.pause()
        grid, lines = shown.query_one("#grid"), shown.query_one(GridLines)

        def widest() -> int:
            return max(sum(len(text) for text, _ in line) for line in lines._lines)

        assert 40 < widest() <= grid.scrollable_content_region.width
        shown.set_focus(None)
        for _ in range(6):
            await pilot.press("pagedown")
        assert grid.scroll_y == grid.max_scroll_y > 0
        for _ in range(6):
            await pilot.press("pageup")
        assert grid.scroll_y == 0
        two_lines_a_row = len(lines._lines)
        await pilot.resize_terminal(130, 40)
        await until(pilot, lambda: len(lines._lines) < two_lines_a_row)
        assert widest() > 80

    drive(scenario, size=(80, 24))
