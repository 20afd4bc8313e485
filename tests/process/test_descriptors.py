"""Commands whose standard input, output or error is closed, or is read by nobody any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import all_runs, find_run
from gradtui.runs.sweeps.sweep_list import find_sweep
from gradtui.runs.sweeps.sweeper import start_sweeper
from tests.conftest import wait_until
from tests.process.test_compare import MODEL

SWEEP = "sweep linear --epochs 10000000 --optimizers SGD --lrs 0.01 --seeds 1"


def shell(words: str, redirections: str) -> subprocess.Popen[bytes]:
    command = f"exec {sys.executable} -m gradtui {words} {redirections}"
    return subprocess.Popen(
        ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_a_sweep_with_a_closed_standard_input_has_one_owner() -> None:
    first = shell(SWEEP, "<&-")
    assert wait_until(lambda: all_runs() and min(map(all_runs()[0].count_steps, all_runs()[0].read().variants)) > 0)
    folder = find_sweep("last")
    assert folder.status() == "running"
    assert start_sweeper(folder) is None
    folder.request_stop()
    assert first.wait(timeout=60) == 1
    assert len(all_runs()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("redirections", ["<&- >&- 2>&-", pytest.param("2>&-", marks=pytest.mark.slow)])
def test_a_run_with_closed_descriptors_never_looks_lost(redirections: str) -> None:
    process = shell("run linear --timing-probe off", redirections)
    assert wait_until(all_runs)
    folder, statuses = all_runs()[0], set()
    while process.poll() is None:
        statuses.add(folder.observe().status)
    assert process.returncode == 0
    assert statuses <= {"running", "finished"}
    assert folder.observe().status == "finished"


@pytest.mark.slow
def test_progress_that_nobody_reads_does_not_end_the_command(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(f"{MODEL}\nwhile True:\n    step()\n")
    command = [sys.executable, "-m", "gradtui", "compare", "--steps", "20000", "train.py"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.read(5)
    process.stdout.close()
    process.wait(timeout=100)
    assert find_run("last").observe().status == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("name", [b"new\nline", b"\xff", "\u00e9".encode()], ids=["newline", "bytes", "accent"])
def test_a_home_of_any_name_takes_a_warm_supervisors_run(name: bytes, tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/" + name
    environment = {**os.environb, b"GRADTUI_HOME": home, b"LC_ALL": b"C", b"PYTHONUTF8": b"0", b"PYTHONCOERCECLOCALE": b"0"}
    words = ["sweep", "linear", "--epochs", "3", "--optimizers", "SGD", "--lrs", "0.1,0.01", "--seeds", "1"]
    result = subprocess.run([sys.executable, "-m", "gradtui", *words], env=environment, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert b"finished" in result.stdout


@pytest.mark.slow
def test_a_signal_ends_what_was_started(tmp_path: Path) -> None:
    process = shell("run linear --epochs 10000000", "2>&-")
    assert wait_until(lambda: all_runs() and all_runs()[0].read().started)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    assert all_runs()[0].observe().status == "stopped"
