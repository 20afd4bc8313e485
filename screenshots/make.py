"""Make the pictures of this folder: the real app, driven by keys through real runs.

    python screenshots/make.py

writes an SVG file for each, in the folder of this file. Runs go to a temporary home.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


async def main() -> None:
    from textual.pilot import Pilot

    from gradtui.runs.export.svg import export_svg
    from gradtui.runs.saved_runs import find_run
    from gradtui.tui.app import GradtuiApp
    from gradtui.tui.screens.run_screen import RunScreen

    def save(app: GradtuiApp, name: str) -> None:
        svg = app.export_screenshot(title="gradtui")
        # The same picture gives the same file: Textual numbers its ids anew each time.
        svg = re.sub(r"terminal-[0-9]+", "terminal-0", svg)
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")

    async def ended(pilot: Pilot[int]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        while screen.status in ("", "running", "paused"):
            await pilot.pause(0.05)
        await pilot.pause()

    async def devices_found(pilot: Pilot[int]) -> None:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    app = GradtuiApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await devices_found(pilot)
        await pilot.press("f5")
        await ended(pilot)
        save(app, "linear")
        await pilot.press("f4", "left", "left", "left")
        await pilot.pause()
        save(app, "claims")
        await pilot.press("f8")
        await pilot.pause()
        save(app, "export")
        export_svg(find_run("last"), HERE / "picture.svg", overwrite=True)

    app = GradtuiApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await devices_found(pilot)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await pilot.press("f5")
        await ended(pilot)
        await pilot.press("f3")
        await pilot.pause()
        save(app, "digits")

    app = GradtuiApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await devices_found(pilot)
        await pilot.press("f5")
        await ended(pilot)
        save(app, "narrow")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["GRADTUI_HOME"] = home
        asyncio.run(main())
