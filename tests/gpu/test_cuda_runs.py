"""Runs with their real processes on a card."""

from __future__ import annotations

import csv
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtui.runs.results.reader import read_results
from gradtui.settings import SETTINGS
from tests.conftest import wait_until
from tests.gpu.limits import START_SECONDS, WITH_PROCESSES_SECONDS
from tests.gpu.plain_loop import plain_losses
from tests.process.test_run import Started, gradtui
from tests.training.stubs import losses_of, rows_of

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(WITH_PROCESSES_SECONDS)]

WITH, WITHOUT = "with_zero_grad", "without_zero_grad"


def both_sides(run: Started) -> list[list[str]]:
    """The losses of both sides, bit by bit."""
    return [list(map(repr, losses_of(run.folder.steps_csv(name)))) for name in run.folder.read().variants]


def ended_well(*runs: Started) -> None:
    for run in runs:
        run.wait_for_end()
    for run in runs:
        state = run.folder.read()
        assert state.status == "finished", [variant.reason for variant in state.variants.values()]


def test_the_devices_of_this_box(device: torch.device, tell: Callable[[str], None]) -> None:
    result = gradtui("devices", timeout=WITH_PROCESSES_SECONDS - 5)
    assert result.returncode == 0, result.stderr
    tell(result.stdout.strip())
    assert str(device) in result.stdout
    if device.type == "cuda":
        assert torch.cuda.get_device_name(device) in result.stdout


def test_the_same_seed_gives_the_same_losses_in_turns_and_in_parallel(device: torch.device) -> None:
    """Four runs, at once."""
    given = {"experiment": "digits", "epochs": 4, "device": device.type}
    runs = [Started(**given, schedule=schedule) for schedule in ("turns", "turns", "parallel", "parallel")]
    ended_well(*runs)
    first, *others = map(both_sides, runs)
    assert len(first[0]) == len(first[1]) == 96
    assert first[0] != first[1]
    for other in others:
        assert other == first


@pytest.mark.usefixtures("deterministic")
def test_a_run_from_the_command_line_is_a_plain_loop(
    tmp_path: Path, device: torch.device, on_cuda: bool, tell: Callable[[str], None]
) -> None:
    """WITH is plain SGD, WITHOUT is SGD with a momentum of 1.0: bit by bit."""
    out = tmp_path / "out.csv"
    began = time.perf_counter()
    result = gradtui(
        "run",
        "digits",
        "--epochs",
        "5",
        "--lr",
        "0.01",
        "--device",
        device.type,
        "--json",
        "--csv",
        str(out),
        timeout=WITH_PROCESSES_SECONDS - 5,
    )
    took = time.perf_counter() - began
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    with open(out) as file:
        rows = list(csv.DictReader(file))
    recorded = {name: [float(row["loss"]) for row in rows if row["variant"] == name] for name in (WITH, WITHOUT)}
    given: dict[str, Any] = {"experiment": "digits", "epochs": 5, "lr": 0.01}
    assert recorded[WITH] == plain_losses(device, clears=True, **given)
    assert list(map(repr, recorded[WITHOUT])) == list(map(repr, plain_losses(device, clears=True, momentum=1.0, **given)))
    for name in (WITH, WITHOUT):
        seconds = [float(row["seconds"]) for row in rows if row["variant"] == name]
        peak = document["variants"][name]["peak_memory_mb"]
        tell(
            f"{name}: first step {1e3 * seconds[0]:.1f} ms, second {1e3 * seconds[1]:.2f} ms, "
            f"median {1e3 * statistics.median(seconds):.3f} ms; peak {peak:.1f} MB"
        )
        assert min(seconds) > 0
        assert peak < 500 or not on_cuda, "that is not the allocator's"
    tell(f"the whole command took {took:.1f} s")
    for claim in document["claims"]:
        if "time" in claim["claim"] or "memory" in claim["claim"]:
            tell(f"{claim['claim']}: {claim['verdict']}; {claim['measured']} {claim['why']}")


def test_cifar10_with_made_up_pictures(device: torch.device, on_cuda: bool, tell: Callable[[str], None]) -> None:
    """The same losses in turns, with the timing probe, and in parallel; and its memory is that of the training."""
    given: dict[str, object] = {"experiment": "cifar10", "data": "synthetic", "epochs": 1}
    if not on_cuda:  # an epoch takes minutes
        given = {"experiment": "digits", "epochs": 2}
    given |= {"device": device.type}
    runs = [Started(**given), Started(**given, timing_probe=True), Started(**given, schedule="parallel")]
    ended_well(*runs)
    first, *others = map(both_sides, runs)
    assert len(first[0]) == runs[0].folder.read().settings.planned_steps(0)
    for other in others:
        assert other == first
    states = [run.folder.read() for run in runs]
    peaks = [[variant.peak_memory_mb or 0.0 for variant in state.variants.values()] for state in states]
    tell(f"peak memory of (WITH, WITHOUT) without probe, with it, in parallel: {peaks}")
    results = read_results(runs[0].folder)
    for name, variant in results.variants.items():
        tell(f"{name}: {variant.step_ms_median:.3f} ms a step, {variant.seconds:.2f} s, accuracy {variant.accuracy}")
    tell(f"its log: {runs[0].folder.last_log_lines(WITH)}")
    if on_cuda:
        assert min(map(min, peaks)) > 100, "the data are on the card"
        for side in (0, 1):
            assert max(peak[side] for peak in peaks) - min(peak[side] for peak in peaks) < 10


def test_seeds_stacked(device: torch.device, tell: Callable[[str], None]) -> None:
    if "seeds" not in SETTINGS:
        pytest.skip("this version has no setting `seeds`")
    given = {"experiment": "digits", "epochs": 3, "device": device.type}
    runs = [Started(**given, seeds=4), Started(**given, seeds=4), Started(**given)]
    ended_well(*runs)
    stacked, again, alone = (run.folder for run in runs)
    for name in (WITH, WITHOUT):
        rows, more = (rows_of(folder.path / f"{name}.seeds.csv") for folder in (stacked, again))
        assert list(rows[0]) == ["step", "42", "43", "44", "45"]
        assert rows == more, "the same seeds give the same losses"
        assert len(rows) == 72
        medians = losses_of(stacked.steps_csv(name))
        assert medians == pytest.approx(
            [statistics.median(float(row[seed]) for seed in ("42", "43", "44", "45")) for row in rows], rel=1e-6
        )
        one, single = [float(row["42"]) for row in rows], losses_of(alone.steps_csv(name))
        assert one[:5] == pytest.approx(single[:5], rel=1e-3), "its first seed is that of a run of one seed"
        tell(f"{name}: seed 42 of four ends at {one[-1]:.6f}, alone at {single[-1]:.6f}")


def test_four_seeds_from_the_command_line(device: torch.device) -> None:
    if "seeds" not in SETTINGS:
        pytest.skip("this version has no setting `seeds`")
    result = gradtui(
        "run", "digits", "--seeds", "4", "--epochs", "2", "--device", device.type, "--json", timeout=WITH_PROCESSES_SECONDS - 5
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["status"] == "finished"


def test_pause_step_and_stop(device: torch.device) -> None:
    run = Started(experiment="digits", epochs=1_000_000, device=device.type)
    assert wait_until(lambda: min(map(run.folder.count_steps, (WITH, WITHOUT))) >= 200, seconds=START_SECONDS)
    run.folder.request_pause()
    assert wait_until(lambda: run.folder.read().status == "paused")
    asked = time.perf_counter()
    run.folder.request_stop()
    run.wait_for_end()
    assert time.perf_counter() - asked < 10
    state = run.folder.read()
    assert state.status == "stopped"
    for name, variant in state.variants.items():
        assert variant.steps == run.folder.count_steps(name) >= 200
