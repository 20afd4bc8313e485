"""The real loop on a card, in this process."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtui.catalog import OPTIMIZERS
from gradtui.policies import POLICIES
from gradtui.runs.folder import RunFolder
from gradtui.settings import RunSettings
from gradtui.training import loop
from gradtui.training.experiments import Data, cifar10
from gradtui.training.journal import Journal, memory
from gradtui.training.preparation import prepare, rehearse
from gradtui.training.step_timer import timer_for
from gradtui.training.torch_devices import synchronize
from tests.gpu.limits import IN_PROCESS_SECONDS
from tests.gpu.plain_loop import plain_losses
from tests.gpu.waiting import Waited, Waits
from tests.training.stubs import EndlessTurn, losses_of, rows_of, run_loop

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(IN_PROCESS_SECONDS), pytest.mark.usefixtures("deterministic")]

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "linear_article.json").read_text())
NEVER: dict[str, Any] = {"experiment": "digits", "epochs": 6, "lr": 0.01}


def bits(losses: list[float]) -> list[str]:
    """For a comparison in which nan equals nan."""
    return list(map(repr, losses))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("experiment", ["linear", "digits"])
def test_the_same_seed_gives_the_same_losses(tmp_path: Path, device: torch.device, experiment: str, policy: str) -> None:
    epochs = 50 if experiment == "linear" else 3
    for turn in ("one", "two"):
        run_loop(tmp_path / turn, device=str(device), experiment=experiment, left=policy, epochs=epochs)
    one, two = (losses_of(tmp_path / turn / "side.csv") for turn in ("one", "two"))
    assert bits(one) == bits(two)
    assert len(one) >= epochs


def test_the_articles_losses(tmp_path: Path, device: torch.device) -> None:
    """On another device than the article's the last bits may differ."""
    for side, name in enumerate(("with_zero_grad", "without_zero_grad")):
        run_loop(tmp_path / name, side, device=str(device), init="independent")
        assert losses_of(tmp_path / name / "side.csv") == pytest.approx(GOLDEN[name], rel=1e-3, abs=1e-6)


def test_never_clearing_is_momentum_of_one_in_a_plain_loop(tmp_path: Path, device: torch.device) -> None:
    run_loop(tmp_path, side=1, device=str(device), **NEVER)
    recorded = losses_of(tmp_path / "side.csv")
    assert bits(recorded) == bits(plain_losses(device, clears=True, momentum=1.0, **NEVER))
    assert bits(recorded) == bits(plain_losses(device, clears=False, **NEVER))
    assert bits(recorded) != bits(plain_losses(device, clears=True, **NEVER))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_never_clearing_is_momentum_of_one_in_either_precision(tmp_path: Path, device: torch.device, precision: str) -> None:
    run_loop(tmp_path / "never", side=1, device=str(device), precision=precision, **NEVER)
    run_loop(tmp_path / "momentum", side=0, device=str(device), precision=precision, momentum=1.0, **NEVER)
    assert bits(losses_of(tmp_path / "never" / "side.csv")) == bits(losses_of(tmp_path / "momentum" / "side.csv"))


def test_bfloat16_learns_and_differs_from_float32(tmp_path: Path, device: torch.device) -> None:
    for precision in ("float32", "bfloat16"):
        run_loop(tmp_path / precision, device=str(device), precision=precision, experiment="digits", optimizer="Adam")
    full, half = (losses_of(tmp_path / precision / "side.csv") for precision in ("float32", "bfloat16"))
    assert full != half
    assert half[0] == pytest.approx(full[0], rel=0.05)
    accuracies = [
        float(rows_of(tmp_path / precision / "side.epochs.csv")[-1]["accuracy"]) for precision in ("float32", "bfloat16")
    ]
    assert min(accuracies) > 0.85


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_few_steps_of_cifar10(
    tmp_path: Path, device: torch.device, on_cuda: bool, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """Of its model, with batches of made-up pictures."""
    steps = 50 if on_cuda else 3
    monkeypatch.setattr(cifar10, "synthetic", partial(cifar10.synthetic, train=128 * steps, test=512))
    given = {"experiment": "cifar10", "data": "synthetic", "epochs": 1, "precision": precision}
    for turn in ("one", "two"):
        training = run_loop(tmp_path / turn, 1, device=str(device), **given)
    assert training.data.train.inputs.device == training.data.train.targets.device == device
    assert training.data.train.inputs.dtype == torch.uint8
    one, two = (losses_of(tmp_path / turn / "side.csv") for turn in ("one", "two"))
    assert bits(one) == bits(two)
    assert len(one) == steps
    assert one[0] == pytest.approx(2.303, abs=0.1)


def _work(device: torch.device, size: int) -> Callable[[int], None]:
    """A function that multiplies matrices so many times."""
    matrix = torch.randn(size, size, device=device)

    def multiply(times: int) -> None:
        for _ in range(times):
            torch.mm(matrix, matrix)

    multiply(3)
    synchronize(device)
    return multiply


def test_the_times_of_steps_add_up_to_the_time_that_passed(
    device: torch.device, on_cuda: bool, tell: Callable[[str], None]
) -> None:
    multiply, timer = _work(device, 4096 if on_cuda else 512), timer_for(device)
    began = time.perf_counter()
    timer.start()
    for _ in range(40):
        multiply(2)
        timer.lap()
    submitted = time.perf_counter() - began
    laps = timer.drain()
    passed = time.perf_counter() - began
    tell(f"40 steps: {sum(laps):.4f} s of {passed:.4f} s; the host had submitted them after {submitted:.4f} s")
    assert len(laps) == 40
    assert min(laps) > 0
    assert 0.6 * passed < sum(laps) <= 1.02 * passed


def test_a_step_is_timed_where_it_runs_and_waiting_between_turns_is_not(device: torch.device, on_cuda: bool) -> None:
    multiply, timer = _work(device, 2048 if on_cuda else 512), timer_for(device)
    laps = []
    for times in (1, 30, 1, 30):
        timer.start()
        multiply(times)
        timer.lap()
        laps += timer.drain()
        time.sleep(0.2)
    assert len(laps) == 4
    assert 4 * max(laps[0], laps[2]) < min(laps[1], laps[3])
    assert max(laps[0], laps[2]) < 0.2


def test_the_seconds_of_a_recorded_loop(tmp_path: Path, device: torch.device, tell: Callable[[str], None]) -> None:
    settings = RunSettings.parse({"experiment": "digits", "epochs": 20})
    training = prepare(settings, 0, device)
    rehearse(training)
    training = replace(training, data=Data(training.data.train))
    with Journal(RunFolder(tmp_path), "side", device, EndlessTurn()) as journal:
        synchronize(device)
        began = time.perf_counter()
        loop.train(training, journal)
    passed = time.perf_counter() - began
    seconds = [float(row["seconds"]) for row in rows_of(tmp_path / "side.csv")]
    tell(f"{len(seconds)} steps: {sum(seconds):.3f} s of {passed:.3f} s; first {seconds[0] * 1e3:.2f} ms")
    assert min(seconds) > 0
    assert 0.3 * passed < sum(seconds) <= 1.02 * passed


CASES: list[dict[str, object]] = [
    *[dict[str, object](left=policy) for policy in POLICIES],
    *[dict[str, object](optimizer=optimizer) for optimizer in OPTIMIZERS],
    {"momentum": 0.9, "nesterov": True},
    {"clip_norm": 1.0},
    {"precision": "bfloat16"},
    {"experiment": "linear", "epochs": 300},
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_the_loop_waits_for_the_device_only_at_the_end_of_a_turn(
    tmp_path: Path, device: torch.device, on_cuda: bool, monkeypatch: pytest.MonkeyPatch, case: dict[str, object]
) -> None:
    waits = Waits(device, monkeypatch)
    monkeypatch.setattr(Journal, "_write_steps", waits.allowed(Journal._write_steps))
    monkeypatch.setattr(loop, "evaluate", waits.allowed(loop.evaluate))  # at the end of an epoch, which no step is
    training = prepare(RunSettings.parse({"experiment": "digits", "epochs": 12, **case}), 0, device)
    rehearse(training)
    with Journal(RunFolder(tmp_path), "side", device, EndlessTurn()) as journal:
        if on_cuda or case.get("optimizer", "SGD") == "SGD":  # others count steps in tensors that are on the CPU anyway
            with waits.forbidden():
                loop.train(training, journal)
        else:
            loop.train(training, journal)
    steps = len(losses_of(tmp_path / "side.csv"))
    assert steps >= 72
    assert waits.times_allowed < steps


def test_waiting_in_a_step_would_be_noticed(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, tensor = Waits(device, monkeypatch), torch.ones(3, device=device)
    with pytest.raises((Waited, RuntimeError)), waits.forbidden():
        tensor.sum().item()
    with pytest.raises(Waited), waits.forbidden():
        torch.cuda.synchronize()
    tensor.sum().item()


@pytest.mark.usefixtures("only_cuda")
def test_peak_memory_is_the_allocators(tmp_path: Path, device: torch.device) -> None:
    gc.collect()
    training = prepare(RunSettings.parse({"experiment": "digits", "epochs": 2}), 0, device)
    rehearse(training)
    before = memory(device)
    assert before.peak_mb == before.now_mb == torch.cuda.memory_allocated(device) / 1e6, "the rehearsal does not count"
    with Journal(RunFolder(tmp_path), "side", device, EndlessTurn()) as journal:
        loop.train(training, journal)
    trained = memory(device)
    assert trained.peak_mb == torch.cuda.max_memory_allocated(device) / 1e6 > before.peak_mb
    for _ in range(2):
        torch.empty(64_000_000, dtype=torch.uint8, device=device)
    after = memory(device)
    assert after.now_mb == pytest.approx(trained.now_mb, abs=1)
    assert after.peak_mb == pytest.approx(trained.now_mb + 64, abs=3)
