"""A sweep with its real processes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import all_runs
from gradtui.runs.sweeps.grid import Outcome
from gradtui.runs.sweeps.sweep_folder import SweepFolder
from gradtui.runs.sweeps.sweep_list import create_sweep, find_sweep
from tests.conftest import processes_of, wait_until
from tests.process.misbehaviour import every_process_runs
from tests.process.test_cli import refusal
from tests.process.test_run import gradtui

GRID = ("--optimizers", "SGD,Adam", "--lrs", "0.1,0.05", "--seeds", "2")  # eight cells, trained by four runs


@pytest.mark.slow
def test_a_sweep_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gradtui", "sweep", "linear", *GRID], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert wait_until(_outcomes, seconds=60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    before = _outcomes()
    assert before in (2, 4, 6), "both seeds of each run that ended"
    out = tmp_path / "sweep.csv"
    result = gradtui("sweep", "--resume", "last", "--json", "--csv", str(out))
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["status"] == "finished"
    rates = [("SGD", 0.1), ("SGD", 0.05), ("Adam", 0.1), ("Adam", 0.05)]
    assert [(row["optimizer"], row["lr"], row["seeds"]) for row in document["grid"]] == [(*rate, 2) for rate in rates]
    assert document["grid"][0]["difference"]["left_wins"] == 2
    assert document["grid"][0]["difference"]["verdict"] == "cannot tell", "of two seeds"
    with open(out) as file:
        rows = list(csv.DictReader(file))
    cells = [(row["optimizer"], float(row["lr"]), row["seed"]) for row in rows]
    assert cells == [(*rate, seed) for rate in rates for seed in ("42", "43")]
    assert result.stderr.splitlines()[-2].startswith("8/8  Adam lr 0.05 seeds 42 to 43  median ")


def _outcomes() -> int:
    try:
        return len(find_sweep("last").read().outcomes)
    except LookupError:
        return 0


PACED = ("--pace", "40", "--epochs", "100")
"""Runs that take a known time, some 2.5 s, so that something can happen in the middle of one."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The grid of the sweep that nothing happens to."""
    home = {**os.environ, "GRADTUI_HOME": str(tmp_path_factory.mktemp("undisturbed"))}
    command = [sys.executable, "-m", "gradtui", "sweep", "linear", *GRID, "--epochs", "100", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=home)
    return json.loads(result.stdout)["grid"]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gradtui", "sweep", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sweepers(home: Path) -> list[int]:
    return [pid for pid in processes_of(home) if b"gradtui.runs.sweeps.sweeper" in _words(pid)]


def _words(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def trains() -> bool:
    """Whether a run of the sweep is in the middle of its training."""
    return any(run.count_steps("with_zero_grad") > 5 and run.observe().live for run in all_runs())


def runs_that_trained() -> list[RunFolder]:
    return [run for run in all_runs() if run.count_steps("with_zero_grad")]


def both_resume_and_agree(home: Path, undisturbed: object) -> None:
    """Two processes go on with the sweep at once: one sweeper, both print the grid of an undisturbed sweep."""
    resumed = [start("--resume", "last", "--json") for _ in range(2)]
    assert wait_until(lambda: len(sweepers(home)) == 1)
    said = [process.communicate(timeout=200) for process in resumed]
    assert [process.returncode for process in resumed] == [0, 0], said
    documents = [json.loads(out) for out, _ in said]
    assert [document["status"] for document in documents] == ["finished"] * 2
    assert documents[0]["grid"] == documents[1]["grid"] == undisturbed
    assert find_sweep("last").csv.read_text().count("\n") == 9
    assert any("following it" in err for _, err in said)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kill_9_of_the_command_and_resume_follows_the_sweeper_that_lives_on(home: Path, undisturbed: object) -> None:
    with start("linear", *GRID, *PACED) as process:
        assert wait_until(_outcomes, seconds=60)
        process.kill()
    before = sweepers(home)
    assert len(before) == 1
    both_resume_and_agree(home, undisturbed)
    assert len(all_runs()) == 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kill_9_of_the_sweeper_in_a_run_and_resume_adopts_the_run(home: Path, undisturbed: object) -> None:
    with start("linear", *GRID, *PACED) as process:
        assert wait_until(trains, seconds=60)
        os.kill(sweepers(home)[0], signal.SIGKILL)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("gradtui: the sweep is lost; continue with: gradtui sweep --resume ")
    assert trains(), "the run goes on without it"
    both_resume_and_agree(home, undisturbed)
    assert len(all_runs()) == 4
    assert [run.read().status for run in all_runs()] == ["finished"] * 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sigterm_to_the_sweeper_stops_the_run_and_resume_repeats_it(home: Path, undisturbed: object) -> None:
    with start("linear", *GRID, *PACED) as process:
        assert wait_until(trains, seconds=60)
        os.kill(sweepers(home)[0], signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the sweep is stopped; continue with" in said
    assert sorted(run.observe().status for run in all_runs()) == ["stopped"]
    both_resume_and_agree(home, undisturbed)
    assert sorted(run.observe().status for run in runs_that_trained()) == ["finished"] * 4 + ["stopped"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_whose_supervisor_is_killed_is_lost_and_repeated(home: Path, undisturbed: object) -> None:
    with start("linear", *GRID, *PACED) as process:
        assert wait_until(trains, seconds=60)
        held = [pid for pid in processes_of(home) if str(all_runs()[0].path) in _open_files(pid)]
        os.kill(held[0], signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "0/8  SGD lr 0.1 seeds 42 to 43  lost" in said
    assert "6/8  Adam lr 0.05 seeds 42 to 43  median " in said
    result = gradtui("sweep", "--resume", "last", "--json", timeout=200)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["grid"] == undisturbed
    assert find_sweep("last").csv.read_text().count("\n") == 9


def _open_files(pid: int) -> str:
    """The files that a supervisor holds open, its lock among them; workers hold no lock."""
    if b"gradtui.runs.processes.supervisor" not in _words(pid):
        return ""
    return " ".join(os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.slow
def test_a_home_that_is_removed_ends_the_sweep_in_one_line(home: Path) -> None:
    with start("linear", *GRID, "--epochs", "10000000") as process:
        assert wait_until(trains, seconds=60)
        shutil.rmtree(home)
        out, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert said.startswith("gradtui: ")
    assert said.endswith("is gone\n")
    assert said.count("\n") == 1
    assert wait_until(lambda: not processes_of(home), seconds=10)
    assert not home.exists()


LIMIT_MY_ROWS = """
    write = os.write
    def limited(descriptor, data):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if path.endswith("sweep.csv"):
            lines = 4 - open(path, "rb").read().count(b"\\n")
            if lines <= 0:
                raise OSError(27, "File too large")
            data = data[:len(b"".join(data.splitlines(True)[:lines])) + 9]
        return write(descriptor, data)
    os.write = limited
"""


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_by_name_and_resume_completes_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In sweep.csv there is room for the header, both rows of the first run, and one of the second run's."""
    with monkeypatch.context() as patch:
        in_place_of_a_sweeper(LIMIT_MY_ROWS, tmp_path, patch)
        result = gradtui("sweep", "linear", *GRID)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("gradtui: ")]
    csv_path = find_sweep("last").csv
    assert lines[0] == f"gradtui: no space left for {csv_path} (File too large)"
    assert lines[1].startswith("gradtui: the sweep is stopped; continue with: ")
    before = csv_path.read_text()
    assert before.endswith("\n")
    assert before.count("\n") == 4
    resumed = gradtui("sweep", "--resume", "last")
    assert resumed.returncode == 0, resumed.stderr
    assert csv_path.read_text().startswith(before)
    assert csv_path.read_text().count("\n") == 9
    assert len(all_runs()) == 4


def in_place_of_a_sweeper(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it does anything else, a sweeper of this test runs this code."""
    condition = "import os, sys, time\nif 'gradtui.runs.sweeps.sweeper' in sys.orig_argv:\n"
    every_process_runs(condition + textwrap.indent(textwrap.dedent(does), "    "), tmp_path, monkeypatch)


def new_sweep() -> SweepFolder:
    return create_sweep({"experiment": "linear"}, "SGD,Adam", "0.1", "2")


def test_a_sweeper_that_dies_is_noticed_and_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_a_sweeper("os.kill(os.getpid(), 9)", tmp_path, monkeypatch)
    folder = new_sweep()
    result = gradtui("sweep", "--resume", "last")
    assert result.returncode == 1
    go_on = f"continue with: gradtui sweep --resume {folder.id}"
    assert result.stderr == f"gradtui: the sweep is lost; {go_on}\n"
    assert folder.status() == "lost"


def test_two_that_resume_at_once_start_one_sweeper_and_both_follow_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = "print(os.getppid(), flush=True)\nwhile not os.path.exists('stop'): time.sleep(0.01)\nos._exit(0)"
    in_place_of_a_sweeper(waits, tmp_path, monkeypatch)
    folder = new_sweep()
    resumed = {process.pid: process for process in [start("--resume", "last") for _ in range(4)]}
    assert wait_until(lambda: folder.log.exists() and folder.log.read_text().endswith("\n"))
    starter = resumed.pop(int(folder.log.read_text().split()[0]))
    starter.kill()
    starter.communicate()
    followers = list(resumed.values())
    for process in followers:
        assert process.stderr is not None
        assert "following it" in process.stderr.readline()
    assert len(sweepers(home)) == 1
    assert folder.status() == "running"
    followers[0].send_signal(signal.SIGINT)
    for process in followers:
        process.communicate(timeout=30)
    assert [process.returncode for process in followers] == [130, 1, 1]
    assert folder.log.read_text() == f"{starter.pid}\n"
    assert stat.S_IMODE(folder.log.stat().st_mode) == 0o600


def test_resuming_a_sweep_that_is_stopping_waits_and_then_goes_on(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_place_of_a_sweeper("print('sweeper', flush=True)\nos._exit(0)", tmp_path, monkeypatch)
    folder = new_sweep()
    with folder.owned() as lock:
        assert lock is not None
        folder.request_stop()
        process = start("--resume", "last")
        assert process.stderr is not None
        assert "is stopping" in process.stderr.readline()
        assert folder.stop_requested, "another sweeper obeys it"
        assert not folder.log.exists()
    process.communicate(timeout=30)
    assert folder.log.read_text() == "sweeper\n"
    assert not folder.stop_requested


def test_a_sweeper_that_is_started_by_hand_refuses_where_another_works() -> None:
    folder = new_sweep()
    with folder.owned():
        folder.request_stop()
        by_hand = [sys.executable, "-m", "gradtui.runs.sweeps.sweeper", str(folder.path)]
        result = subprocess.run(by_hand, capture_output=True, text=True, timeout=30, check=False)
        assert folder.stop_requested
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"{folder.id} is in progress" in result.stderr
    assert all_runs() == []


def test_a_sweep_json_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    in_place_of_a_sweeper(limit, tmp_path, monkeypatch)
    folder = create_sweep({"experiment": "linear"}, "SGD", "0.1", "200")
    result = gradtui("sweep", "--resume", "last")
    assert result.returncode == 1
    why = f"no space left for {folder.path / 'sweep.json'} (File too large)"
    assert result.stderr.splitlines()[0] == f"gradtui: {why}"
    assert folder.log.read_text() == f"{why}\n"
    assert "Traceback" not in result.stderr
    assert len(folder.read().seeds) == 200


def test_an_export_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    folder = new_sweep()
    for cell in folder.read().cells():
        folder.add([Outcome(cell, "run", "finished", 0.5, 1.0)])
    folder.write_status("finished")
    path = tmp_path / "rows.csv"
    limited = ["prlimit", "--fsize=100", sys.executable, "-m", "gradtui", "sweep", "--resume", "last", "--csv", str(path)]
    result = subprocess.run(limited, capture_output=True, text=True, timeout=30, check=False)
    assert result.stderr == f"gradtui: {path} cannot be written (File too large)\n"
    assert not path.exists()
    assert gradtui("sweep", "--resume", "last", "--csv", str(path)).returncode == 0
    assert path.read_text() == folder.csv.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--optimizers", "SGD,Adamm"), ["optimizers", "did you mean 'Adam'"]),
        (("--lrs", "0.1,zero"), ["lrs", "'zero'"]),
        (("--seeds", "0"), ["seeds", "'0'"]),
        (("--seed", "abc"), ["seed", "'abc'"]),
        (("--resume", "nothing"), ["SWEEP", "'nothing'"]),
        (("--epochs", "0"), ["epochs", "'0'"]),
    ],
)
def test_bad_input_gets_one_clear_line(arguments: tuple[str, ...], words: list[str]) -> None:
    line = refusal("sweep", "linear", *arguments)
    assert all(word in line for word in words), line
