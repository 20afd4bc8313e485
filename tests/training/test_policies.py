"""What is known to be true of each policy, tried on the real loop."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtui.policies import POLICIES
from gradtui.runs.folder import RunFolder
from gradtui.settings import RunSettings
from gradtui.training import timing_probe
from gradtui.training.journal import Journal
from gradtui.training.preparation import prepare
from tests.training.stubs import EndlessTurn, losses_of, rows_of, run_loop
from tests.training.test_loop import DEVICES


def weights(training: object) -> list[torch.Tensor]:
    return [p.detach().cpu() for p in training.model.parameters()]  # type: ignore[attr-defined]  # a Training


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("k", "batch"), [(2, 32), (4, 16), (3, 20)])
def test_accumulating_k_batches_equals_a_batch_k_times_as_large(tmp_path: Path, device: str, k: int, batch: int) -> None:
    given = {"experiment": "digits", "epochs": 1}
    small = run_loop(tmp_path / "small", 0, device, left="accumulate", k=k, batch_size=batch, **given)
    large = run_loop(tmp_path / "large", 0, device, batch_size=k * batch, **given)
    accumulated, at_once = losses_of(tmp_path / "small" / "side.csv"), losses_of(tmp_path / "large" / "side.csv")
    assert len(accumulated) == len(at_once) == -(-1500 // (k * batch))
    assert accumulated == pytest.approx(at_once, abs=1e-6)
    for a, b in zip(weights(small), weights(large), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("experiment", ["linear", "digits"])
def test_clearing_before_the_step_leaves_the_weights_as_they_were(tmp_path: Path, device: str, experiment: str) -> None:
    given = {"experiment": experiment, "epochs": 2, "right": "before_step"}
    before = weights(prepare(RunSettings.parse(given), 1, torch.device(device)))
    after = weights(run_loop(tmp_path, 1, device, **given))
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    measured = [row for row in rows_of(tmp_path / "side.csv") if row["grad_norm"]]
    assert all(row["grad_norm"] == "0.0" and float(row["fresh_grad_norm"]) > 0 for row in measured)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("experiment", ["linear", "digits", "regression", "three_layer"])
def test_none_and_zeros_give_the_same_losses(tmp_path: Path, device: str, experiment: str) -> None:
    run_loop(tmp_path / "none", 0, device, experiment=experiment, epochs=3)
    run_loop(tmp_path / "zeros", 0, device, experiment=experiment, epochs=3, left="every_step_to_zeros")
    assert losses_of(tmp_path / "none" / "side.csv") == losses_of(tmp_path / "zeros" / "side.csv")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("experiment", "given"),
    [
        ("linear", {"epochs": 300}),
        ("linear", {"epochs": 60, "lr": 0.4}),
        ("regression", {"epochs": 60, "batch_size": 3, "lr": 0.05}),
        ("digits", {"epochs": 1}),
    ],
)
def test_sgd_with_momentum_one_is_the_twin_of_never(
    tmp_path: Path, device: str, precision: str, experiment: str, given: dict[str, object]
) -> None:
    run: Any = {"experiment": experiment, "left": "never", "right": "momentum_one", "precision": precision, **given}
    for side in (0, 1):
        run_loop(tmp_path / str(side), side, device, **run)
    never, twin = (list(map(repr, losses_of(tmp_path / str(side) / "side.csv"))) for side in (0, 1))
    assert never == twin
    assert len({*never}) > len(never) // 4, "both learn something"


def test_many_seeds_with_momentum_one_are_the_twins_of_never(tmp_path: Path) -> None:
    run: Any = {"experiment": "linear", "left": "never", "right": "momentum_one", "seeds": 3, "epochs": 50}
    for side in (0, 1):
        run_loop(tmp_path / str(side), side, **run)
    never, twin = ((tmp_path / str(side) / "side.seeds.csv").read_text() for side in (0, 1))
    assert never == twin
    assert len(never.splitlines()) == 51


def test_the_timing_probe_gives_each_policy_its_own_optimizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RunSettings.parse({"left": "never", "right": "momentum_one"})
    seen: list[tuple[str, float, float]] = []

    def watched(name: str) -> object:
        def train_step(model: object, loss_fn: object, optimizer: torch.optim.Optimizer, *batch: object) -> None:
            seen.append((name, optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["lr"]))

        return lambda k: train_step

    for name in settings.policies:
        monkeypatch.setitem(POLICIES, name, replace(POLICIES[name], make=watched(name)))  # type: ignore[arg-type]  # a stub
    monkeypatch.setattr(timing_probe, "SLICE_SECONDS", 1e-6)
    with Journal(RunFolder(tmp_path), "side", torch.device("cpu"), EndlessTurn()) as journal:
        timing_probe.probe_times(prepare(settings, 0, torch.device("cpu")), journal)
    assert {*seen} == {("never", 0.0, 0.0), ("momentum_one", 1.0, 0.0)}


def test_clearing_every_kth_step_with_k_larger_than_the_run_is_never_clearing(tmp_path: Path) -> None:
    run_loop(tmp_path / "kth", 1, right="every_kth_step", k=100)
    run_loop(tmp_path / "never", 1)
    assert losses_of(tmp_path / "kth" / "side.csv") == losses_of(tmp_path / "never" / "side.csv")


def test_clearing_every_second_step_applies_two_gradients_at_most(tmp_path: Path) -> None:
    run_loop(tmp_path, 1, right="every_kth_step", k=2)
    rows = rows_of(tmp_path / "side.csv")
    fresh_alone = [row["grad_norm"] == row["fresh_grad_norm"] for row in rows]
    assert fresh_alone[::2] == [True] * 10
    assert not any(fresh_alone[1::2])


def test_as_printed_nothing_is_learned_and_corrected_something_is(tmp_path: Path) -> None:
    for network in ("as_printed", "corrected"):
        for side in (0, 1):
            run_loop(tmp_path / f"{network}{side}", side, experiment="three_layer", network=network)
            losses = losses_of(tmp_path / f"{network}{side}" / "side.csv")
            assert (len(set(losses)) == 1) == (network == "as_printed")


def test_clipping_bounds_what_is_applied(tmp_path: Path) -> None:
    run_loop(tmp_path, 1, clip_norm=0.5)
    rows = rows_of(tmp_path / "side.csv")
    assert all(float(row["clipped_norm"]) <= 0.5 + 1e-5 for row in rows)
    assert any(float(row["fresh_grad_norm"]) > 0.5 for row in rows)


def test_norms_are_taken_before_clipping_and_the_clipped_one_after(tmp_path: Path) -> None:
    for side in (0, 1):
        run_loop(tmp_path / str(side), side, clip_norm=0.5)
    with_rows, without_rows = (rows_of(tmp_path / str(side) / "side.csv") for side in (0, 1))
    assert all(row["grad_norm"] == row["fresh_grad_norm"] for row in with_rows)
    # What is stored is rewritten by clipping: each step adds to at most 0.5.
    for before, row in itertools.pairwise(without_rows):
        was, fresh, applied = float(before["clipped_norm"]), float(row["fresh_grad_norm"]), float(row["grad_norm"])
        assert min(abs(was + fresh - applied), abs(abs(was - fresh) - applied)) < 1e-4
        assert float(row["clipped_norm"]) == pytest.approx(min(applied, 0.5), abs=1e-5)


def test_a_run_that_does_not_clip_has_no_clipped_norm(tmp_path: Path) -> None:
    run_loop(tmp_path, 1)
    assert "clipped_norm" not in rows_of(tmp_path / "side.csv")[0]


@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_trains_and_is_not_float32(tmp_path: Path, device: str) -> None:
    run_loop(tmp_path / "half", 0, device, experiment="digits", epochs=2, precision="bfloat16")
    run_loop(tmp_path / "full", 0, device, experiment="digits", epochs=2)
    half, full = losses_of(tmp_path / "half" / "side.csv"), losses_of(tmp_path / "full" / "side.csv")
    assert half != full
    assert half == pytest.approx(full, rel=0.1)


@pytest.mark.parametrize("name", POLICIES)
def test_the_clearing_line_is_in_the_source_of_every_policy_that_clears(name: str) -> None:
    source = POLICIES[name].source()
    assert sum("zero_grad(" in line for line in source) == (name != "never")
    assert "loss.backward()" in " ".join(source)
    assert len(source) <= 10
