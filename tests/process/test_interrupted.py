"""ctrl+c before there is anything to stop, and while it is being started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtui.cli.headless import run
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import find_run
from gradtui.settings import RunSettings
from tests.conftest import processes_of, wait_until
from tests.process.test_run import LONG


@pytest.fixture
def own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_command_that_only_waits_ends_without_a_traceback(home: Path) -> None:
    command = [sys.executable, "-m", "gradtui", "devices"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: len(processes_of(home)) == 2), "it waits for a process that imports torch"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130


@pytest.mark.usefixtures("own_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_run_that_is_interrupted_as_it_starts_is_stopped(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    start = launch.start_supervisor

    def start_and_interrupt(folder: RunFolder) -> subprocess.Popen[bytes]:
        supervisor = start(folder)
        os.kill(os.getpid(), number)
        return supervisor

    monkeypatch.setattr(launch, "start_supervisor", start_and_interrupt)
    assert run(RunSettings.parse(LONG), csv=None, as_json=True) == 130
    assert find_run("last").observe().status == "stopped"
