from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Select, Static, Switch

from gradtui.cifar10 import DataMissing
from gradtui.cifar10.files import find
from gradtui.tui.screens import download_dialog as dialog
from gradtui.tui.screens.run_screen import RunScreen
from tests.tui.pilot import drive, until

Progress = Callable[[int, int | None], None]


async def ask_for_files(pilot: Pilot[int], screen: RunScreen, where: Path) -> None:
    """Choose cifar10, whose files are missing, switch the download on, and start."""
    screen.query_one("#row-experiment Select", Select).value = "cifar10"
    await pilot.pause()
    screen.query_one("#row-data_dir Input").value = str(where)  # type: ignore[attr-defined]
    screen.query_one("#row-download Switch", Switch).value = True
    await pilot.pause()
    await pilot.press("f5")


@pytest.mark.slow
def test_escape_ends_a_download_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ended = []

    def endless(to: Path, progress: Progress) -> None:
        try:
            while True:
                progress(1_000_000, None)
        finally:
            ended.append(to)

    monkeypatch.setattr(dialog, "download", endless)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await ask_for_files(pilot, screen, tmp_path)
        await until(pilot, lambda: isinstance(pilot.app.screen, dialog.DownloadDialog))
        await until(pilot, lambda: "1 of 170 MB" in str(pilot.app.screen.query_one("#outcome", Static).content))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen and ended)
        assert ended == [tmp_path]
        assert screen.folder is None

    drive(scenario)


def test_what_went_wrong_stands_in_the_dialog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(to: Path, progress: Progress) -> None:
        raise DataMissing("the server answered 404")

    monkeypatch.setattr(dialog, "download", broken)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await ask_for_files(pilot, screen, tmp_path)
        await until(pilot, lambda: isinstance(pilot.app.screen, dialog.DownloadDialog))
        await until(pilot, lambda: "404" in str(pilot.app.screen.query_one("#outcome", Static).content))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.folder is None

    drive(scenario)


@pytest.mark.slow
def test_the_run_starts_when_the_files_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def make_files(to: Path, progress: Progress) -> None:
        (to / "cifar-10-batches-bin").mkdir()
        (to / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(b"short")

    monkeypatch.setattr(dialog, "download", make_files)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await ask_for_files(pilot, screen, tmp_path)
        await until(pilot, lambda: screen.folder is not None and screen.status == "failed")
        assert find(str(tmp_path)) == tmp_path

    drive(scenario)
