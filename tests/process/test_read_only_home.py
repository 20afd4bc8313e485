"""A home that may only be read: another user's, a snapshot, a read-only mount."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from gradtui.cli import main
from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import all_runs, create_run
from gradtui.settings import RunSettings
from gradtui.tui.screens.compare_screen import CompareScreen
from gradtui.tui.screens.history_screen import HistoryScreen
from gradtui.tui.screens.run_screen import RunScreen
from tests.disks import read_only
from tests.made_up import made_up_run
from tests.process.test_cli import refusal
from tests.terminal.emulator import Terminal
from tests.tui.pilot import drive, until


@pytest.fixture
def runs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RunFolder]]:
    """The runs of a home that is mounted read-only, newest first."""
    made_up_run()
    made_up_run(lr=0.25)
    with read_only(home, tmp_path / "read-only") as place:
        monkeypatch.setenv("GRADTUI_HOME", str(place))
        yield all_runs()


def test_runs_are_listed_exported_and_found_devices_too(
    runs: list[RunFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count("  finished  ") == 2
    for option, name in (("--csv", "a.csv"), ("--svg", "a.svg")):
        assert main(["export", "last", option, str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 1000


def test_what_would_write_says_that_it_is_read_only(runs: list[RunFolder]) -> None:
    for command in (["run", "linear"], ["sweep", "linear"]):
        assert "is read-only" in refusal(*command)


def test_a_live_run_is_seen_and_takes_no_request(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, lost = made_up_run(status="running"), made_up_run(status="running")
    with lost.alive():
        pass
    with run.alive(), read_only(home, tmp_path / "read-only") as place:
        monkeypatch.setenv("GRADTUI_HOME", str(place))
        assert [folder.observe().status for folder in all_runs()] == ["lost", "running"]
        for command in ("stop", "pause", "resume"):
            assert "is read-only (Read-only file system)" in refusal(command, run.id)
    assert lost.observe().status == "lost"


@pytest.mark.slow
def test_runs_are_opened_and_compared_and_what_would_write_is_told_in_the_app(runs: list[RunFolder]) -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("f10")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen) and len(pilot.app.screen._list.runs) == 2)
        await pilot.press("f4", "down", "f4")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen))
        await pilot.press("f9")
        await pilot.press("d")
        await until(pilot, lambda: "read-only" in str(pilot.app.screen.query_one("#said", Static).render()))
        await pilot.press("enter")
        await until(pilot, lambda: screen.status == "finished")
        await pilot.press("f5")
        await until(pilot, lambda: any("is read-only" in toast.message for toast in pilot.app._notifications))
        assert screen.status == "finished"

    drive(scenario)


def test_attach_opens_a_run(runs: list[RunFolder]) -> None:
    with Terminal(120, 40, (sys.executable, "-m", "gradtui", "attach", "last")) as terminal:
        terminal.wait_for("finished", "final loss")
        terminal.press("q")
        assert terminal.exit_code() == 0


AS_NOBODY = """
import encodings.ascii, os, sys
import gradtui.cli.headless
from gradtui.cli import main
if os.geteuid() == 0:  # whom no mode stops
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[1:]))
"""


def test_another_users_home_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        monkeypatch.setenv("GRADTUI_HOME", place)
        run = made_up_run(status="running")

        def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
            words = [sys.executable, "-c", AS_NOBODY, *arguments]
            return subprocess.run(words, capture_output=True, text=True, check=False)

        with run.alive():
            for folder, _, names in os.walk(place):
                os.chmod(folder, 0o555)
                for name in names:
                    os.chmod(os.path.join(folder, name), 0o444)
            listed = as_nobody("list")
            assert (listed.returncode, listed.stderr) == (0, "")
            assert "  running  " in listed.stdout
            for command in (["run", "linear"], ["stop"], ["pause"]):
                refused = as_nobody(*command)
                assert refused.returncode == 2
                assert "is read-only" in refused.stderr
                assert refused.stderr.count("\n") == 1
        os.chmod(run.path, 0o700)
        os.chmod(run.path.parent, 0o700)
        os.chmod(place, 0o700)


def test_a_home_that_does_not_exist_is_not_made_by_reading_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert "no runs yet" in capsys.readouterr().err
    assert main(["export", "last", "--csv", "-"]) == 2
    assert not home.exists()
    create_run(RunSettings.parse({}))
    assert len(all_runs()) == 1
