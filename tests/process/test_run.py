"""Runs with their real processes, through the command line."""

from __future__ import annotations

import csv
import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.processes import launch
from gradtui.runs.results.reader import read_results
from gradtui.runs.saved_runs import all_runs, create_run, find_run
from gradtui.settings import RunSettings
from tests.conftest import is_alive, processes_of, wait_until
from tests.training.stubs import losses_of

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "linear_article.json").read_text())
LONG = {"epochs": 10_000_000}


def gradtui(*arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gradtui", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


class Started:
    """A run that was started as the app starts one."""

    def __init__(self, **given: object) -> None:
        self.folder = create_run(RunSettings.parse({"timing_probe": False, **given}))
        self.supervisor = launch.start_supervisor(self.folder)

    def wait_for_steps(self, count: int = 1) -> None:
        names = self.folder.read().variants
        assert wait_until(lambda: all(self.folder.count_steps(name) >= count for name in names))

    def pid(self, variant: str) -> int:
        pid = self.folder.read().variants[variant].pid
        assert pid is not None
        return pid

    def wait_for_end(self) -> None:
        self.supervisor.wait(timeout=60)


@pytest.mark.slow
def test_several_seeds_are_trained_and_compared(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = gradtui("run", "linear", "--seeds", "4", "--seed", "7", "--json", "--csv", str(out))
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout)
    assert results["seeds"] == [7, 8, 9, 10]
    for variant in results["variants"].values():
        assert variant["final_loss"] == pytest.approx(statistics.median(variant["per_seed"]["final_loss"]))
        assert variant["per_seed"]["diverged_at"] == [None] * 4
    difference = results["differences"]["final_loss"]
    assert difference["left_wins"] + difference["right_wins"] + difference["ties"] == 4
    with open(out) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 20 * 4
    alone = gradtui("run", "linear", "--seed", "9", "--csv", str(tmp_path / "alone.csv"), "--timing-probe", "off")
    assert alone.returncode == 0, alone.stderr
    with open(tmp_path / "alone.csv") as file:
        expected = [row["loss"] for row in csv.DictReader(file)]
    assert [row["loss"] for row in rows if row["seed"] == "9"] == expected


@pytest.mark.slow
def test_a_run_of_several_seeds_can_be_paused_and_stopped() -> None:
    run = Started(seeds=3, **LONG)
    run.wait_for_steps(20)
    run.folder.request_pause()
    assert wait_until(lambda: run.folder.read().status == "paused")
    run.folder.request_resume()
    run.folder.request_stop()
    run.wait_for_end()
    assert run.folder.read().status == "stopped"
    for variant in run.folder.read().variants:
        rows = run.folder.seeds_csv(variant).read_text().splitlines()
        assert rows[0] == "step,42,43,44"
        assert int(rows[-1].split(",")[0]) == run.folder.count_steps(variant) == len(rows) - 1
    results = read_results(run.folder)
    assert results.seeds is not None
    assert results.differences == {}, "sides of different lengths are not compared"


@pytest.mark.slow
def test_the_articles_losses_through_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = gradtui("run", "linear", "--init", "independent", "--csv", str(out))
    assert result.returncode == 0, result.stderr
    with open(out) as file:
        rows = list(csv.DictReader(file))
    first = ["run", "variant", "step", "epoch", "loss", "grad_norm", "seconds"]
    assert list(rows[0]) == [*first, "seed", "fresh_grad_norm", "cosine"]
    for name in ("with_zero_grad", "without_zero_grad"):
        assert [float(row["loss"]) for row in rows if row["variant"] == name] == GOLDEN[name]
    assert "final loss" in result.stdout
    assert "epoch 20/20" in result.stderr


def test_the_json_stands_alone_on_standard_output() -> None:
    result = gradtui("run", "linear", "--lr", "1", "--epochs", "200", "--json")
    assert result.returncode == 0
    document = json.loads(result.stdout)
    assert document["status"] == "finished"
    assert document["variants"]["with_zero_grad"]["final_loss"] in ("inf", "nan")
    assert document["variants"]["with_zero_grad"]["diverged_at"] > 1
    assert document["variants"]["with_zero_grad"]["peak_memory_mb"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["linear", "digits"])
def test_the_same_seed_gives_the_same_losses_with_either_schedule(experiment: str) -> None:
    losses = []
    for schedule in ("turns", "turns", "parallel", "parallel"):
        run = Started(experiment=experiment, schedule=schedule, epochs=300 if experiment == "linear" else 2)
        run.wait_for_end()
        losses.append([losses_of(run.folder.steps_csv(name)) for name in run.folder.read().variants])
    assert losses[0] == losses[1] == losses[2] == losses[3]
    assert len(losses[0][0]) == len(losses[0][1]) > 0


def test_every_step_of_a_run_is_in_its_rows_in_order() -> None:
    run = Started(epochs=5000)
    run.wait_for_end()
    for name in run.folder.read().variants:
        with open(run.folder.steps_csv(name)) as file:
            assert [int(row["step"]) for row in csv.DictReader(file)] == list(range(1, 5001))


def test_stop_ends_both_variants_at_once_and_keeps_their_rows() -> None:
    run = Started(**LONG)
    run.wait_for_steps(1000)
    run.folder.request_stop()
    run.wait_for_end()
    state = run.folder.read()
    assert state.status == "stopped"
    for name, variant in state.variants.items():
        assert variant.status == "stopped"
        assert variant.steps == run.folder.count_steps(name) >= 1000


def test_a_run_can_be_stopped_before_its_first_step() -> None:
    run = Started(**LONG)
    run.folder.request_stop()
    run.wait_for_end()
    assert run.folder.read().status == "stopped"


@pytest.mark.slow
def test_pause_holds_both_variants_and_resume_lets_them_go_on() -> None:
    run = Started(**LONG)
    run.wait_for_steps(100)
    run.folder.request_pause()
    assert wait_until(lambda: run.folder.read().status == "paused")
    names = list(run.folder.read().variants)
    # The turn that was under way may end; after it nothing moves.
    assert wait_until(lambda: _rests(run.folder, names))
    held = [run.folder.count_steps(name) for name in names]
    run.folder.request_resume()
    assert wait_until(lambda: all(run.folder.count_steps(name) > before for name, before in zip(names, held, strict=True)))
    run.folder.request_stop()
    run.wait_for_end()


def _rests(folder: RunFolder, names: list[str]) -> bool:
    before = [folder.count_steps(name) for name in names]
    return not wait_until(lambda: [folder.count_steps(name) for name in names] != before, seconds=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["with_zero_grad", "without_zero_grad"])
@pytest.mark.parametrize("schedule", ["turns", "parallel"])
def test_a_killed_worker_fails_by_name_and_the_other_finishes(victim: str, schedule: str) -> None:
    run = Started(epochs=20_000, schedule=schedule)
    run.wait_for_steps(200)
    before = run.folder.steps_csv(victim).read_text().splitlines()[:-1]
    os.kill(run.pid(victim), signal.SIGKILL)
    run.wait_for_end()
    state = run.folder.read()
    survivor = next(name for name in state.variants if name != victim)
    assert state.status == "failed"
    assert (state.variants[victim].status, state.variants[victim].reason) == ("failed", "killed by SIGKILL")
    assert (state.variants[survivor].status, state.variants[survivor].steps) == ("finished", 20_000)
    assert run.folder.steps_csv(victim).read_text().splitlines()[: len(before)] == before


@pytest.mark.slow
def test_no_worker_outlives_its_supervisor_by_two_seconds() -> None:
    run = Started(**LONG)
    run.wait_for_steps(100)
    workers = [run.pid(name) for name in run.folder.read().variants]
    run.supervisor.kill()
    run.supervisor.wait()
    assert wait_until(lambda: not any(is_alive(pid) for pid in workers), seconds=2)
    assert run.folder.observe().status == "lost"
    assert all(run.folder.count_steps(name) >= 100 for name in run.folder.read().variants)


def test_a_supervisor_killed_while_torch_is_imported_leaves_no_worker(home: Path) -> None:
    run = Started(**LONG)
    assert wait_until(lambda: len(processes_of(home)) == 3)
    run.supervisor.kill()
    run.supervisor.wait()
    assert wait_until(lambda: not processes_of(home), seconds=2)


@pytest.mark.slow
def test_a_variant_that_raises_says_so_in_its_log(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import gradtui.policies as p\n"
        "def never(*args): raise RuntimeError('the roof is on fire')\n"
        "object.__setattr__(p.POLICIES['never'], 'make', lambda k: never)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")
    result = gradtui("run", "linear")
    assert result.returncode == 1
    assert "without_zero_grad failed: RuntimeError: the roof is on fire" in result.stderr
    folder = find_run("last")
    assert folder.read().variants["with_zero_grad"].status == "finished"
    assert folder.last_log_lines("without_zero_grad")[-1] == "RuntimeError: the roof is on fire"


@pytest.mark.slow
def test_an_interrupt_stops_the_run_and_keeps_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gradtui", "run", "linear", "--epochs", "10000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert wait_until(lambda: all_runs() and all(all_runs()[0].count_steps(n) for n in all_runs()[0].read().variants))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped" in out
    assert find_run("last").read().status == "stopped"


@pytest.mark.slow
def test_the_run_goes_on_when_the_command_that_started_it_is_killed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gradtui", "run", "linear", "--epochs", "3000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(lambda: all_runs() and all_runs()[0].count_steps("with_zero_grad"))
    process.kill()
    process.wait()
    assert wait_until(lambda: find_run("last").observe().status == "finished", seconds=60)
