"""A worker that hangs is told, and can be stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import all_runs
from tests.conftest import wait_until
from tests.process.misbehaviour import at_a_step, every_process_runs
from tests.process.test_compare import Comparison
from tests.process.test_run import LONG, Started

IMPATIENT = """
import gradtui.runs.processes.worker_process as w
w.HANG_SECONDS, w.ASK_SECONDS, w.TERMINATE_SECONDS = 1.0, 0.5, 0.5
"""
IGNORE_TERM = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
NOTE = "without_zero_grad: no step for 1 s"


@pytest.mark.parametrize(
    ("schedule", "deaf"),
    [
        pytest.param("turns", IGNORE_TERM, id="turns-deaf", marks=pytest.mark.slow),
        *(pytest.param(*both, marks=pytest.mark.slow) for both in (("turns", ""), ("parallel", IGNORE_TERM), ("parallel", ""))),
    ],
)
def test_a_worker_that_hangs_is_told_and_stops_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, deaf: str
) -> None:
    hang = at_a_step(5000, "__import__('time').sleep(3600)")
    every_process_runs(IMPATIENT + hang + deaf, tmp_path, monkeypatch)
    run = Started(**LONG, schedule=schedule)
    assert wait_until(lambda: run.folder.read().note == NOTE)
    assert run.folder.observe().status == "running"
    if schedule == "parallel":  # with turns it waits for the one that hangs
        assert wait_until(lambda: run.folder.count_steps("with_zero_grad") > 10_000)
    before = run.folder.steps_csv("without_zero_grad").read_text()
    run.folder.request_stop()
    run.wait_for_end()
    state = run.folder.read()
    assert (state.status, state.note) == ("stopped", NOTE)
    for name, variant in state.variants.items():
        assert (variant.status, variant.reason) == ("stopped", None)
        assert variant.steps == run.folder.count_steps(name) > 0
    assert run.folder.steps_csv("without_zero_grad").read_text() == before


@pytest.mark.slow
def test_the_note_goes_when_steps_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(IMPATIENT, tmp_path, monkeypatch)
    run = Started(**LONG)
    run.wait_for_steps(100)
    victim = run.pid("with_zero_grad")
    os.kill(victim, signal.SIGSTOP)
    try:
        assert wait_until(lambda: run.folder.read().note == "with_zero_grad: no step for 1 s")
    finally:
        os.kill(victim, signal.SIGCONT)
    assert wait_until(lambda: run.folder.read().note is None)
    run.folder.request_stop()
    run.wait_for_end()
    assert {variant.status for variant in run.folder.read().variants.values()} == {"stopped"}


@pytest.mark.slow
def test_a_script_that_imports_for_long_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(IMPATIENT, tmp_path, monkeypatch)
    script = """
        import pathlib, time, torch
        time.sleep(2)  # as when a library imports more of torch
        pathlib.Path("waited").touch()
        time.sleep(1)
        weight = torch.nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()
        time.sleep(3600)
    """
    run = Comparison(tmp_path, script)
    assert wait_until((tmp_path / "waited").exists)
    assert run.folder.read().note is None
    assert wait_until(lambda: (run.folder.read().note or "").endswith("no step for 1 s"))
    run.folder.request_stop()
    run.supervisor.wait(timeout=60)


@pytest.mark.slow
def test_the_command_says_it_and_an_interrupt_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(IMPATIENT + at_a_step(5, "__import__('time').sleep(3600)"), tmp_path, monkeypatch)
    command = [sys.executable, "-m", "gradtui", "run", "linear", "--epochs", "10000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: all_runs() and all_runs()[0].read().note)
    assert process.stderr is not None
    assert f"gradtui: {NOTE}\n" in iter(process.stderr.readline, "")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped" in out
