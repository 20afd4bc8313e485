"""A tour that takes a picture of every main screen, with recorded runs only, so that it is the same everywhere each time."""

from __future__ import annotations

import inspect
import itertools
import math
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, TypeVar
from unittest.mock import PropertyMock, patch

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from gradtui.runs.saved_runs import create_run
from gradtui.runs.sweeps.grid import Cell, Outcome
from gradtui.runs.sweeps.sweep_folder import SweepFolder
from gradtui.runs.sweeps.sweep_list import create_sweep
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.screens import sweep_screen
from gradtui.tui.screens.compare_screen import CompareScreen
from gradtui.tui.screens.export_dialog import ExportDialog
from gradtui.tui.screens.help_screen import HelpScreen
from gradtui.tui.screens.history_screen import HistoryScreen
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.screens.sweep_screen import SweepScreen
from tests.made_up import made_up_run
from tests.made_up_seeds import falling, seeded_run
from tests.tui.pilot import drive, until
from tests.tui.test_run_screen import text_of

SCREENS = (
    "before",
    "running",
    "results",
    "claims",
    "code",
    "export",
    "help",
    "history",
    "compare",
    "sweep",
    "seeds",
    "difference",
)
SIZES = ((120, 40), (80, 24))

Kind = TypeVar("Kind", bound=Screen[Any])


def pictures(size: tuple[int, int], theme: str) -> dict[str, str]:
    """An SVG picture of every screen, by its name."""
    taken: dict[str, str] = {}

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        async def take(name: str) -> None:
            for field in pilot.app.screen.query(Input):
                field.cursor_blink = False
            await pilot.pause()
            taken[name] = normalized(pilot.app.export_screenshot(title=name, simplify=True))

        pilot.app.theme = theme
        await play(pilot, screen, take)

    with a_fixed_world():
        drive(scenario, size)
    return taken


async def play(pilot: Pilot[int], screen: RunScreen, take: Callable[[str], Awaitable[None]]) -> None:
    """Open every screen; ``take`` takes its picture."""

    async def opened(kind: type[Kind]) -> Kind:
        await until(pilot, lambda: isinstance(pilot.app.screen, kind))
        assert isinstance(pilot.app.screen, kind)
        return pilot.app.screen

    await take("before")

    run = made_up_run(status="running", steps=12, epochs=20)
    with run.alive():
        screen.set_focus(None)
        screen.open_run(run)
        await until(pilot, lambda: " 12/20" in text_of(screen, "#status") and " 12 " in text_of(screen, "Panel"))
        await take("running")
    run.write(replace(run.read(), status="stopped"))

    screen.open_run(made_up_run(lr=0.25, steps=40))
    await until(pilot, lambda: screen.status == "finished" and "final loss" in text_of(screen, "Panel"))
    await take("results")
    for view in ("claims", "code"):
        await pilot.press("f4")
        await take(view)
    await pilot.press("f4", "f4", "f8")
    await opened(ExportDialog)
    await take("export")
    await pilot.press("escape", "f1")
    await opened(HelpScreen)
    await take("help")

    made_up_run(status="failed", experiment="digits", optimizer="Adam", lr=0.003)
    await pilot.press("escape", "f10")
    history = await opened(HistoryScreen)
    await until(pilot, lambda: len(history._list.runs) == 3)
    await take("history")
    await pilot.press("down", "f4", "down", "f4")
    compare = await opened(CompareScreen)
    await until(pilot, lambda: all(pair.smoothing is False and pair._axis for pair in compare.query("ChartPair")))  # type: ignore[attr-defined]
    await take("compare")

    await pilot.press("escape", "escape", "f9")
    sweep = await opened(SweepScreen)
    await swept(pilot, sweep)
    await take("sweep")

    await pilot.press("escape")
    screen.form_shown = False
    screen.set_focus(None)
    screen.open_run(seeded_run(falling(10, 240, 0), falling(10, 240, 1)))
    await until(pilot, lambda: "240/240" in text_of(screen, "#status") and "240" in text_of(screen, "Panel"))
    await pilot.press("l")
    await take("seeds")
    await pilot.press("t")
    await until(pilot, lambda: "above 0" in text_of(screen, "#difference"))
    await take("difference")


async def swept(pilot: Pilot[int], screen: SweepScreen) -> None:
    """Fill in the fields and start a sweep whose runs all end at once."""

    def complete(folder: SweepFolder) -> None:
        for place, (optimizer, lr) in enumerate(itertools.product(("SGD", "Adam"), (0.01, 0.1))):
            for seed in range(10):
                left, right = 0.1 + 0.01 * seed, (0.3, 0.1 + 0.01 * seed, 0.12 + 0.004 * seed, math.nan)[place]
                folder.add([Outcome(Cell(optimizer, lr, 42 + seed), "run", "finished", left, right)])
        folder.write(replace(folder.read(), status="finished"))

    for name, typed in (("optimizers", "SGD,Adam"), ("lrs", "0.01,0.1")):
        screen.query_one(f"#{name}", Input).value = typed
    with patch.object(sweep_screen, "start_sweeper", complete):
        await pilot.press("f5")
    await until(pilot, lambda: screen._shown is not None and screen._shown.status == "finished")


@contextmanager
def a_fixed_world() -> Iterator[None]:
    """Fix what would differ between machines and days: the time, the speed, the terminal."""
    seconds = iter(range(60))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 2, 3, 4, next(seconds), tzinfo=timezone.utc)

    with ExitStack() as stack:
        for module in map(inspect.getmodule, (create_run, create_sweep)):
            stack.enter_context(patch.object(module, "datetime", Clock))
        stack.enter_context(patch.object(FollowedRun, "steps_per_second", PropertyMock(return_value=4.0)))
        stack.enter_context(patch.dict("os.environ", {"GRADTUI_CHARACTERS": "braille"}))
        os.environ.pop("NO_COLOR", None)
        yield


def normalized(svg: str) -> str:
    """The picture without the number in Rich's ids, with one element a line, so that two can be compared."""
    return re.sub(r"terminal-[0-9]+", "terminal", svg).replace("><", ">\n<") + "\n"
