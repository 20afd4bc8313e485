"""Drive the app without a terminal: Textual's Pilot, without an asyncio plugin for pytest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from unittest.mock import patch

from textual.pilot import Pilot

from gradtui.runs.processes import launch
from gradtui.runs.processes.launch import Starter
from gradtui.tui.app import GradtuiApp
from gradtui.tui.screens.run_screen import RunScreen


class Cold(Starter):
    """Starts runs without a warm supervisor: most tests start none."""

    def warm_up(self) -> None:
        pass


Scenario = Callable[[Pilot[int], RunScreen], Awaitable[None]]


def drive(scenario: Scenario, size: tuple[int, int] = (120, 40), *, notifications: bool = False) -> None:
    """Open the app, let it find made-up devices (a real search imports torch), play the scenario."""

    async def play() -> None:
        app = GradtuiApp(starter=Cold())
        async with app.run_test(size=size, notifications=notifications) as pilot:
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert isinstance(app.screen, RunScreen)
            await scenario(pilot, app.screen)

    with patch.object(launch, "find_devices", lambda *_: {"cpu": "a processor"}):
        asyncio.run(play())


async def until(pilot: Pilot[int], condition: Callable[[], object], seconds: float = 30) -> None:
    """Run the app until the condition holds."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("the condition never held")
