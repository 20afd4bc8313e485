"""Terminal sizes that follow each other quickly."""

from __future__ import annotations

import pytest
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import Screen

from gradtui.tui.screens.run_screen import RunScreen
from tests.tui.pilot import drive

ENOUGH = 20


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["", "f1", "f10", "ctrl+p"])
def test_a_size_that_the_terminal_no_longer_has_does_not_come_back(opened: str, monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[Size] = []
    screen_resized = Screen._screen_resized

    def counted(screen: Screen[object], size: Size) -> None:
        laid_out.append(size)
        screen_resized(screen, size)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        if opened:
            await pilot.press(opened)
        await pilot.pause()
        top, now = pilot.app.screen, pilot.app.size
        monkeypatch.setattr(Screen, "_screen_resized", counted)
        for size in (Size(45, 51), now):
            top.post_message(events.Resize(size, size))
            top.post_message(events.Show())  # only the last of consecutive sizes is handled
        for _ in range(10):
            await pilot.pause()
        assert len(laid_out) < ENOUGH
        assert set(laid_out) == {now}
        assert top.size == now

    drive(scenario)
