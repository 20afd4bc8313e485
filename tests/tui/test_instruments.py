"""The keys of the charts and of the panel below them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from gradtui.runs.folder import RunFolder
from gradtui.runs.results import smoothing
from gradtui.runs.results.smoothing import Smoothed
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.chart_pair import ChartPair
from gradtui.tui.widgets.loss_chart import LossChart
from gradtui.tui.widgets.panel import Panel
from tests.tui.pilot import drive, until
from tests.tui.test_run_screen import saved_run, text_of


async def opened(pilot: Pilot[int], screen: RunScreen, path: Path) -> None:
    screen.set_focus(None)
    screen.open_run(RunFolder(path))
    await until(pilot, lambda: screen.status == "finished")


def test_every_instrument_shows_what_it_does() -> None:
    path = saved_run([1 / (i + 1) for i in range(60)], [0.5, 0.25] * 30)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await opened(pilot, screen, path)
        seen = []
        for key in ("l", "s", "z", "a", "a", "m"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(text_of(screen, "#left"))
        assert "loss (log)" in seen[0]
        assert "smooth 0.6" in seen[1]
        assert "last 50" in seen[2]
        assert "epoch 60" in seen[3]
        assert "seconds" in seen[4]
        assert "test loss" in seen[5]

    drive(scenario)


def test_the_cursor_reads_both_sides_at_the_same_step() -> None:
    path = saved_run([float(i) for i in range(1, 21)], [100.0 + i for i in range(1, 21)])

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await opened(pilot, screen, path)
        await pilot.press("left", "left", "left")
        await pilot.pause()
        assert "step 18: 18" in text_of(screen, "#left")
        assert "step 18: 118" in text_of(screen, "#right")
        assert "┊" in text_of(screen, "#left")
        await pilot.press("right")
        await pilot.pause()
        assert "step 19: 19" in text_of(screen, "#left")
        await pilot.press("escape")
        await pilot.pause()
        assert "┊" not in text_of(screen, "#left")

    drive(scenario)


def test_the_panel_shows_results_claims_and_the_code_of_both_sides() -> None:
    path = saved_run([0.5] * 30, [0.25] * 30)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await opened(pilot, screen, path)
        assert "final loss" in text_of(screen, "Panel")
        await pilot.press("v")
        await pilot.pause()
        assert "gradients accumulate without" in text_of(screen, "Panel")
        await pilot.press("v")
        await pilot.pause()
        code = text_of(screen, "Panel")
        assert code.count("▸ optimizer.zero_grad()") == 1
        assert code.count("loss.backward()") == 2
        await pilot.press("v")
        await pilot.pause()
        assert "WITHOUT zero_grad()  printed nothing" in text_of(screen, "Panel")
        await pilot.press("v")
        await pilot.pause()
        assert "final loss" in text_of(screen, "Panel")

    drive(scenario)


@pytest.mark.slow
def test_keys_are_answered_while_a_long_curve_is_smoothed_and_it_is_drawn_as_far_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = saved_run([1 / (i + 1) for i in range(60)], [0.5, 0.25] * 30)
    wanted = [1]
    advance = Smoothed.advance

    def slowly(self: Smoothed) -> None:
        if len(self.series) < wanted[0]:
            advance(self)

    monkeypatch.setattr(smoothing, "PART", 1)
    monkeypatch.setattr(Smoothed, "advance", slowly)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await opened(pilot, screen, path)
        await pilot.press("s")
        pair = screen.query_one(ChartPair)
        assert pair.smoothing
        await pilot.press("v")
        assert screen.query_one(Panel).view == "Claims"
        await pilot.press("z", "a")
        assert pair.instruments.zoom == 0.5
        wanted[0] = 60
        await until(pilot, lambda: not pair.smoothing)
        charts = screen.query(LossChart)
        await until(pilot, lambda: all(chart._picture and len(chart._picture.smooth) == 30 for chart in charts))

    drive(scenario)


def test_the_app_is_left_at_once_while_a_curve_is_smoothed(monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved_run([1.0] * 60, [0.5] * 60)
    monkeypatch.setattr(Smoothed, "advance", lambda self: None)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await opened(pilot, screen, path)
        await pilot.press("s", "q")
        assert screen.query_one(ChartPair).smoothing

    drive(scenario)
