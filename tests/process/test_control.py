"""A run is stopped, paused, stepped and resumed from another shell, and opened in the app."""

from __future__ import annotations

import sys

import pytest

from gradtui.runs.saved_runs import create_run
from gradtui.settings import RunSettings
from tests.conftest import wait_until
from tests.process.test_cli import refusal
from tests.process.test_run import LONG, Started, gradtui
from tests.terminal.emulator import Terminal


def test_a_run_obeys_another_shell() -> None:
    run = Started(**LONG)
    run.wait_for_steps(10)
    assert gradtui("pause", run.folder.id).returncode == 0
    assert wait_until(lambda: run.folder.read().status == "paused")
    assert gradtui("resume").returncode == 0
    assert wait_until(lambda: run.folder.read().status == "running")
    assert gradtui("stop", run.folder.id[:10]).returncode == 0
    run.wait_for_end()
    assert run.folder.read().status == "stopped"
    assert "is stopped; there is nothing to stop" in refusal("stop")


@pytest.mark.slow
def test_a_paused_run_takes_one_step_when_asked() -> None:
    run = Started(**LONG)
    run.wait_for_steps(10)
    run.folder.request_pause()
    assert wait_until(lambda: run.folder.read().status == "paused")
    names = list(run.folder.read().variants)
    held: list[int] = []

    def rests() -> bool:
        before = [run.folder.count_steps(name) for name in names]
        held[:] = before
        return not wait_until(lambda: [run.folder.count_steps(name) for name in names] != before, seconds=0.3)

    assert wait_until(rests)
    for taken in (1, 2):
        run.folder.request_step()
        assert wait_until(lambda: [run.folder.count_steps(name) for name in names] == [count + taken for count in held])  # noqa: B023
    run.folder.request_stop()
    run.wait_for_end()


@pytest.mark.slow
def test_pace_holds_the_steps_back() -> None:
    run = Started(epochs=10_000_000, pace=20)
    run.wait_for_steps(1)
    assert not wait_until(lambda: run.folder.count_steps("with_zero_grad") > 40, seconds=1)
    run.folder.request_stop()
    run.wait_for_end()


@pytest.mark.slow
def test_the_app_attached_to_a_run_shows_it_from_its_first_step_and_stops_it() -> None:
    run = Started(**LONG)
    run.wait_for_steps(100)
    with Terminal(120, 40, (sys.executable, "-m", "gradtui", "attach", run.folder.id)) as terminal:
        terminal.wait_for("running", "steps/s", "final loss")
        terminal.press("F2")
        terminal.press("F7")
        terminal.wait_for("stopped")
        terminal.press("q")
        assert terminal.exit_code() == 0
    run.wait_for_end()


def test_what_cannot_be_attached_is_told() -> None:
    create_run(RunSettings.parse({}))
    assert "is lost; there is nothing to pause" in refusal("pause")
    assert "no run has this id" in refusal("stop", "nothing")
