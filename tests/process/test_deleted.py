"""A run that is deleted elsewhere, and a home that goes away, while a run trains."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes.launch import WarmSupervisor, stop
from gradtui.runs.saved_runs import all_runs
from gradtui.runs.state import DeletedRun
from tests.conftest import processes_of, wait_until
from tests.made_up import made_up_run
from tests.process.test_run import LONG, Started


def remove_run(home: Path) -> None:
    shutil.rmtree(all_runs()[0].path)


def replace_by_a_file(home: Path) -> None:
    shutil.rmtree(home)
    home.write_text("")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("remove", "number"),
    [
        (shutil.rmtree, None),
        pytest.param(shutil.rmtree, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(replace_by_a_file, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(remove_run, None, marks=pytest.mark.slow),
        pytest.param(remove_run, signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_gradtui_run_says_so_in_one_line_and_leaves_no_process(
    home: Path, remove: Callable[[Path], None], number: signal.Signals | None
) -> None:
    words = [sys.executable, "-m", "gradtui", "run", "linear", "--epochs", "10000000", "--csv", str(home.parent / "a.csv")]
    started = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: all_runs() and all_runs()[0].count_steps("with_zero_grad") > 10)
    remove(home)
    if number is not None:
        started.send_signal(number)
    _, said = started.communicate(timeout=30)
    assert started.returncode == (1 if number is None else 130)
    assert "Traceback" not in said
    assert next(line for line in said.splitlines() if "epoch" not in line).endswith("-linear was deleted")
    assert wait_until(lambda: not processes_of(home))
    assert not (home.parent / "a.csv").exists()


@pytest.mark.slow
def test_a_run_whose_folder_takes_no_request_is_stopped_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that has become read-only under it."""
    run = Started(**LONG)
    run.wait_for_steps(10)

    def refuse(self: RunFolder, name: str) -> None:
        raise HomeError("GRADTUI_HOME: ... is read-only (Read-only file system)")

    monkeypatch.setattr(RunFolder, "_request", refuse)
    stop(run.folder, run.supervisor)
    run.wait_for_end()
    assert run.folder.read().status == "stopped"
    with pytest.raises(HomeError):
        stop(run.folder, run.supervisor)


def test_a_run_that_cannot_be_started_is_removed() -> None:
    run = made_up_run(status="running")
    os.mkdir(run.supervisor_log)
    warm = WarmSupervisor()
    try:
        with pytest.raises(HomeError):
            warm.start(run)
    finally:
        warm.end()
        warm.process.wait()
    assert not run.path.exists()


def test_every_request_of_a_deleted_run_names_it(home: Path) -> None:
    run = made_up_run(status="running")
    shutil.rmtree(home)
    for request in (run.request_stop, run.request_pause, run.request_resume, run.request_step, run.read, run.observe):
        with pytest.raises(DeletedRun, match=f"^run {run.id} was deleted$"):
            request()
    home.write_text("")
    with pytest.raises(DeletedRun):
        run.request_stop()
    assert (run.stop_requested, run.pause_requested, run.take_step_request(), run.seen) == (False, False, False, False)
