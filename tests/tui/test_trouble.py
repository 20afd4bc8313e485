"""Runs deleted elsewhere and a home folder that goes away: the app says so in a line and keeps running."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from gradtui.runs.export import csv_export, csv_lines
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.processes.launch import Starter
from gradtui.runs.saved_runs import all_runs
from gradtui.tui import prefetch
from gradtui.tui.app import GradtuiApp
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.screens import chart_screen
from gradtui.tui.screens.compare_screen import CompareScreen
from gradtui.tui.screens.export_dialog import ExportDialog
from gradtui.tui.screens.history_screen import HistoryScreen
from gradtui.tui.screens.leave_dialog import LeaveDialog
from gradtui.tui.screens.run_screen import RunScreen
from tests.made_up import made_up_run
from tests.tui.pilot import drive, until
from tests.tui.test_history import open_history
from tests.tui.test_run_screen import text_of


def told(pilot: Pilot[int]) -> list[str]:
    return [toast.message for toast in pilot.app._notifications]


def said(pilot: Pilot[int], selector: str = "#said") -> str:
    return str(pilot.app.screen.query_one(selector, Static).render())


@pytest.mark.slow
@pytest.mark.parametrize("keys", [["enter"], ["f5"], ["f4"], ["f8"], ["f9", "d"]], ids=lambda keys: keys[0])
def test_a_run_in_the_history_that_was_deleted_is_told_and_leaves_the_list(keys: list[str]) -> None:
    made_up_run()
    gone = made_up_run()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=2)
        shutil.rmtree(gone.path)
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is history and said(pilot) == f"run {gone.id} was deleted")
        assert len(history._list.runs) == 1
        await pilot.press("enter")
        await until(pilot, lambda: screen.status == "finished")

    drive(scenario)


def test_a_marked_run_that_was_deleted_is_not_compared() -> None:
    other = made_up_run()
    gone = made_up_run()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=2)
        await pilot.press("f4", "down")
        shutil.rmtree(gone.path)
        await pilot.press("f4")
        await until(pilot, lambda: said(pilot) == f"run {gone.id} was deleted")
        assert [run.folder for run in history._list.runs] == [other]

    drive(scenario)


@pytest.mark.slow
def test_a_run_that_is_deleted_while_it_is_listed_leaves_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = made_up_run(status="running")

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        with gone.alive():
            history = await open_history(pilot, rows=1)
            shutil.rmtree(gone.path)
            history._refresh_live()
            await until(pilot, lambda: not history._list.runs)
            await pilot.press("enter", "f4", "f9", "escape")
            await until(pilot, lambda: pilot.app.screen is screen)

    drive(scenario)


def test_an_offered_run_that_was_deleted_is_told(home: Path) -> None:
    gone = made_up_run()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await until(pilot, lambda: screen._offered is not None)
        shutil.rmtree(home)
        await pilot.press("o")
        await until(pilot, lambda: f"run {gone.id} was deleted" in told(pilot))
        assert screen.runs == ()
        assert screen._offered is None

    drive(scenario)


def test_an_attached_run_that_is_deleted_as_the_app_opens_is_told() -> None:
    gone = made_up_run()

    async def play() -> None:
        app = GradtuiApp(gone)
        shutil.rmtree(gone.path)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: f"run {gone.id} was deleted" in told(pilot))
            assert isinstance(app.screen, RunScreen)

    asyncio.run(play())


def test_a_followed_run_that_is_deleted_is_told_and_its_processes_are_stopped() -> None:
    run = made_up_run(status="running")

    supervisor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        with run.alive():
            screen._processes._supervisors[run] = supervisor
            screen.open_run(run)
            await until(pilot, lambda: screen.status == "running" and screen.runs[0].steps["with_zero_grad"])
            shutil.rmtree(run.path)
            await until(pilot, lambda: f"run {run.id} was deleted; its processes are stopped" in told(pilot))
        assert supervisor.wait(10) == -15
        assert "deleted" in text_of(screen, "#status")
        assert not screen.is_live
        await pilot.press("f4", "f4", "f4", "f4", "f3", "s", "a", "y", "left", "f8")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: said(pilot, "#outcome") == f"run {run.id} was deleted")

    drive(scenario)
    assert not Path(f"{run.id}.csv").exists()


def test_a_run_that_is_deleted_while_it_is_read_ahead_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_up_run(steps=3000)
    monkeypatch.setattr(prefetch, "LONG_BYTES", 1000)

    async def deleted_first(followed: FollowedRun, sides: Sequence[str]) -> None:
        shutil.rmtree(run.path)
        await prefetch.read_ahead(followed, sides)

    monkeypatch.setattr(chart_screen, "read_ahead", deleted_first)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(run)
        await until(pilot, lambda: f"run {run.id} was deleted" in told(pilot))
        assert "deleted" in text_of(screen, "#status")

    drive(scenario)


@pytest.mark.slow
def test_one_of_two_compared_runs_that_is_deleted_is_told() -> None:
    gone, other = made_up_run(status="running"), made_up_run()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        with gone.alive():
            await pilot.app.push_screen(CompareScreen(gone, other))
            await pilot.pause()
            shutil.rmtree(gone.path)
            await until(pilot, lambda: f"run {gone.id} was deleted" in told(pilot))
        await pilot.press("f3", "escape")
        await until(pilot, lambda: pilot.app.screen is screen)

    drive(scenario)


@pytest.mark.slow
def test_a_home_that_takes_no_run_is_told_at_the_start_key_and_when_it_is_back_a_run_starts(home: Path) -> None:
    started: list[RunFolder] = []
    home.write_text("")

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("f5")
        await until(pilot, lambda: any(words.startswith(f"GRADTUI_HOME: {home} cannot be used") for words in told(pilot)))
        await pilot.press("f10")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen) and "GRADTUI_HOME" in said(pilot))
        await pilot.press("escape", "f9", "f5")
        await until(pilot, lambda: "GRADTUI_HOME" in said(pilot))
        await pilot.press("escape")
        os.unlink(home)

        def start(self: Starter, folder: RunFolder) -> subprocess.Popen[bytes]:
            started.append(folder)
            return subprocess.Popen(["true"])

        with patch.object(Starter, "start", start):
            await pilot.press("f5")
            await until(pilot, lambda: started and screen.folder == started[0])

    drive(scenario)


def test_a_home_that_goes_away_while_the_app_warms_up_is_told_once(home: Path) -> None:
    home.write_text("")

    async def play() -> None:
        app = GradtuiApp()
        async with app.run_test(size=(120, 40)) as pilot:
            screen = app.screen
            assert isinstance(screen, RunScreen)
            await until(pilot, lambda: told(pilot))
            await app.workers.wait_for_complete()
            screen._get_ready()
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert told(pilot) == [f"GRADTUI_HOME: {home} cannot be used (Not a directory)"]
            await pilot.press("f1", "escape")

    with patch.object(launch, "find_devices", lambda *_: {"cpu": "a processor"}):
        asyncio.run(play())


@pytest.mark.slow
def test_a_run_that_cannot_be_stopped_keeps_the_app_open(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_up_run(status="running")

    def refuse(self: RunFolder, name: str) -> None:
        raise HomeError("GRADTUI_HOME: it is read-only")

    monkeypatch.setattr(RunFolder, "_request", refuse)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        with run.alive():
            screen.open_run(run)
            await until(pilot, lambda: screen.status == "running")
            screen.set_focus(None)
            for key in ("f6", "f7", "n"):
                await pilot.press(key)
            await until(pilot, lambda: "GRADTUI_HOME: it is read-only" in told(pilot))
            pilot.app.clear_notifications()
            await pilot.press("q")
            await until(pilot, lambda: isinstance(pilot.app.screen, LeaveDialog))
            await pilot.press("s")
            await until(pilot, lambda: "GRADTUI_HOME: it is read-only" in told(pilot))
            assert pilot.app.screen is screen
            assert not pilot.app._exit
        run.write(all_runs()[0].observe())

    drive(scenario)


@pytest.mark.slow
def test_an_export_whose_dialog_is_closed_is_cancelled_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_up_run(steps=5000)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    reading = csv_lines.sound_rows

    def without_end(*which: Any) -> object:
        while True:
            yield from reading(*which)

    monkeypatch.setattr(csv_export, "sound_rows", without_end)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(run)
        await until(pilot, lambda: screen.status == "finished")
        for _ in range(2):
            await pilot.press("f8")
            await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
            await pilot.press("enter")
            await until(pilot, lambda: len(sorted(tmp_path.iterdir())) > len(before))
            await pilot.press("escape")
            await until(pilot, lambda: sorted(tmp_path.iterdir()) == before)
            assert pilot.app.screen is screen

    drive(scenario)


@pytest.mark.slow
def test_the_app_is_left_at_once_during_an_export_which_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_up_run(steps=100)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    reading = csv_lines.sound_rows

    def without_end(*which: Any) -> object:
        while True:
            yield from reading(*which)

    monkeypatch.setattr(csv_export, "sound_rows", without_end)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(run)
        await until(pilot, lambda: screen.status == "finished")
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: len(sorted(tmp_path.iterdir())) > len(before))
        await pilot.press("ctrl+q")

    drive(scenario)  # which waits for threads
    assert sorted(tmp_path.iterdir()) == before


def test_the_app_is_left_at_once_while_devices_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    search = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def find(begun: Callable[[subprocess.Popen[bytes]], object]) -> dict[str, str]:
        begun(search)
        search.wait()
        raise launch.DeviceSearchFailed("it was killed")

    monkeypatch.setattr(launch, "find_devices", find)

    async def play() -> None:
        app = GradtuiApp()
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen._processes._search)
            await pilot.press("ctrl+q")

    asyncio.run(play())  # which waits for threads
    assert search.returncode == -9
