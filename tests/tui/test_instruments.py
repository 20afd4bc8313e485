"""The keys of the charts and of the panel below them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from gradtui.runs.folder import RunFolder
from gradtui.runs.series import Series, Smoothed
from gradtui.tui.screens.run import RunScreen
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


def test_smoothing_is_debiased_and_skips_what_is_not_finite() -> None:
    source = Series()
    source.extend([1.0, 2.0, 3.0], [2.0, float("nan"), 2.0])
    smooth = Smoothed(source, 0.9)
    assert smooth.catch_up().ys[0] == pytest.approx(2.0)
    assert smooth.catch_up().ys[2] == pytest.approx(2.0)
    assert smooth.catch_up().ys[1] != smooth.catch_up().ys[1]
    source.extend([4.0], [4.0])
    assert smooth.catch_up().ys[3] == pytest.approx((0.9 * (2 * 0.19) + 0.1 * 4) / (1 - 0.9**3))
    assert len(smooth.catch_up()) == 4
