"""Seeds that train at once go as each of them goes alone."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from gradtui.catalog import OPTIMIZERS
from gradtui.policies import POLICIES
from gradtui.runs.columns import SEED_STEPS, of_seeds
from gradtui.runs.folder import RunFolder
from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.experiments import Data, ExperimentCode, Split
from gradtui.training.preparation import prepare, rehearse
from gradtui.training.seed_journal import SeedJournal, median_of_seeds
from gradtui.training.stacked import StackedLoss, StackedModel
from tests.training.stubs import FewSteps, losses_of, rows_of, run_loop

SEEDS = 3


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in a worker; on a busy machine, threads that wait for one another would take most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def curves(tmp_path: Path, side: int, seeds: int = SEEDS, **given: Any) -> tuple[list[list[float]], list[list[float]]]:
    """The losses of each seed: trained at once, and alone."""
    at_once = tmp_path / f"at_once{side}"
    run_loop(at_once, side, seeds=seeds, **given)
    rows = rows_of(at_once / "side.seeds.csv")
    alone = []
    for seed in range(42, 42 + seeds):
        run_loop(tmp_path / f"{side}{seed}", side, seed=seed, **given)
        alone.append(losses_of(tmp_path / f"{side}{seed}" / "side.csv"))
    return [[float(row[str(seed)]) for row in rows] for seed in range(42, 42 + seeds)], alone


def test_linear_is_bitwise_equal(tmp_path: Path) -> None:
    for side in (0, 1):
        at_once, alone = curves(tmp_path, side, experiment="linear", lr=0.05)
        assert at_once == alone
        assert len({*map(tuple, at_once)}) == SEEDS


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "SGD"])
def test_linear_is_bitwise_equal_with_every_optimizer(tmp_path: Path, optimizer: str) -> None:
    at_once, alone = curves(tmp_path, 1, experiment="linear", optimizer=optimizer)
    assert at_once == alone


@pytest.mark.parametrize(
    "given",
    [
        {"optimizer": "SGD", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"optimizer": "Adam", "amsgrad": True},
        {"optimizer": "RMSprop", "momentum": 0.5},
        {"clip_norm": 0.5},
        {"init": "independent"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_linear_is_bitwise_equal_with_options(tmp_path: Path, given: dict[str, Any]) -> None:
    at_once, alone = curves(tmp_path, 1, experiment="linear", epochs=15, **given)
    assert at_once == alone


@pytest.mark.parametrize("experiment", ["regression", pytest.param("digits", marks=pytest.mark.slow)])
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_trains_seeds_as_each_alone(tmp_path: Path, policy: str, experiment: str) -> None:
    given: dict[str, Any] = {"experiment": experiment, "right": policy, **({"k": 2} if POLICIES[policy].takes_k else {})}
    at_once, alone = curves(tmp_path, 1, lr=0.01, epochs=2, batch_size=3, **given)
    for one, other in zip(at_once, alone, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    "given", [{"lr": 0.01}, {"lr": 0.1}, *({"optimizer": name} for name in OPTIMIZERS if name != "SGD")], ids=str
)
def test_digits_is_equal_to_rounding_over_240_steps(tmp_path: Path, side: int, given: dict[str, Any]) -> None:
    at_once, alone = curves(tmp_path, side, experiment="digits", **given)
    for one, other in zip(at_once, alone, strict=True):
        assert len(one) == 240
        assert one == pytest.approx(other, rel=1e-5, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"clip_norm": 0.5}, {"precision": "bfloat16"}, {"batch_size": 5000}], ids=str)
def test_digits_with_options_is_equal_to_rounding(tmp_path: Path, given: dict[str, Any]) -> None:
    at_once, alone = curves(tmp_path, 1, experiment="digits", lr=0.01, epochs=5, **given)
    for one, other in zip(at_once, alone, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("given", [{"experiment": "regression"}, {"experiment": "regression", "batch_size": 3}], ids=str)
def test_each_seed_has_its_own_data_where_it_draws_them(tmp_path: Path, given: dict[str, Any]) -> None:
    at_once, alone = curves(tmp_path, 0, **given)
    for one, other in zip(at_once, alone, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_a_network_that_the_optimizer_does_not_hold_learns_nothing(tmp_path: Path) -> None:
    at_once, alone = curves(tmp_path, 1, experiment="three_layer", network="as_printed", epochs=4)
    assert at_once == alone
    assert all(len({*losses}) == 1 for losses in at_once)


def test_a_seed_that_diverges_harms_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three seeds has a sample that is not finite."""
    code = experiments.load("regression")

    def data(settings: RunSettings) -> Data:
        drawn = code.data(settings)
        if torch.initial_seed() == 43:
            drawn.train.inputs[0] = math.inf
        return drawn

    monkeypatch.setattr(experiments, "load", lambda name: ExperimentCode(data, code.model, code.loss_fn))
    at_once, alone = curves(tmp_path, 1, experiment="regression", epochs=20)
    assert all(map(math.isnan, at_once[1]))
    for place in (0, 2):
        assert at_once[place] == pytest.approx(alone[place], rel=1e-5)
    assert all(map(math.isfinite, losses_of(tmp_path / "at_once1" / "side.csv"))), "the median of one nan and two numbers"


def test_accuracies_are_those_of_single_runs(tmp_path: Path) -> None:
    curves(tmp_path, 0, experiment="digits", optimizer="Adam", epochs=2)
    rows = rows_of(tmp_path / "at_once0" / "side.seeds.epochs.csv")
    medians = rows_of(tmp_path / "at_once0" / "side.epochs.csv")
    alone = [rows_of(tmp_path / f"0{seed}" / "side.epochs.csv") for seed in range(42, 42 + SEEDS)]
    for epoch, row in enumerate(rows):
        accuracies = [float(of_seed[epoch]["accuracy"]) for of_seed in alone]
        assert [float(row[str(42 + place)]) for place in range(SEEDS)] == accuracies
        assert float(medians[epoch]["accuracy"]) == statistics.median(accuracies)
        assert medians[epoch]["step"] == alone[0][epoch]["step"]


def test_the_step_file_has_medians_over_the_seeds(tmp_path: Path) -> None:
    at_once, _ = curves(tmp_path, 1, seeds=4, experiment="linear", lr=0.1)
    assert losses_of(tmp_path / "at_once1" / "side.csv") == [
        statistics.median(of_seeds) for of_seeds in zip(*at_once, strict=True)
    ]
    alone = [rows_of(tmp_path / f"1{seed}" / "side.csv") for seed in range(42, 46)]
    for row, *of_each in zip(rows_of(tmp_path / "at_once1" / "side.csv"), *alone, strict=True):
        for name in ("grad_norm", "fresh_grad_norm", "cosine"):
            assert float(row[name]) == pytest.approx(statistics.median(float(each[name]) for each in of_each), rel=1e-5)


def test_nan_is_larger_than_every_number_in_a_median() -> None:
    values = torch.tensor([[math.nan, 1.0, 2.0], [math.nan, math.nan, -math.inf], [math.inf, 3.0, math.nan]])
    assert list(map(repr, median_of_seeds(values).tolist())) == ["2.0", "nan", "inf"]
    assert median_of_seeds(torch.tensor([4.0, 1.0, 2.0, math.inf])).item() == 3.0


class Odd(nn.Module):
    """A model with layers that cannot be stacked: one keeps running means, one draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        return cast("Tensor", self.layers(inputs))


def test_what_cannot_be_stacked_trains_one_by_one_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = experiments.load("regression")
    odd = ExperimentCode(
        lambda settings: Data(Split(torch.randn(10, 3), torch.randn(10, 1))), lambda settings: Odd(), code.loss_fn
    )
    monkeypatch.setattr(experiments, "load", lambda name: odd)
    at_once, alone = curves(tmp_path, 1, experiment="regression", batch_size=4, epochs=6)
    assert at_once == alone
    training = prepare(RunSettings.parse({"experiment": "regression", "seeds": 2}), 0, torch.device("cpu"))
    assert training.notes == [
        "the 2 seeds train one after the other within each step: BatchNorm1d keeps values of its own between steps"
    ]


def test_the_rehearsal_records_every_size_of_batch(tmp_path: Path) -> None:
    for policy in ("never", "accumulate"):  # the second divides each batch
        k = {"k": 3} if POLICIES[policy].takes_k else {}
        settings = RunSettings.parse({"experiment": "digits", "seeds": 2, "right": policy, "batch_size": 100, **k})
        training = prepare(settings, 1, torch.device("cpu"))
        before = [weight.clone() for weight in cast("StackedModel", training.model).weights]
        rehearse(training)
        assert all(torch.equal(a, b) for a, b in zip(before, cast("StackedModel", training.model).weights, strict=True))
        recorded = len(cast("StackedLoss", training.loss_fn)._recorded)
        train_step = training.policy.make(3)
        for inputs, targets in training.batches:
            train_step(training.model, training.loss_fn, training.optimizer, inputs, targets)
        assert len(cast("StackedLoss", training.loss_fn)._recorded) == recorded


def test_data_that_no_seed_draws_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    code, made = experiments.load("digits"), itertools.count()

    def data(settings: RunSettings) -> Data:
        next(made)
        return code.data(settings)

    monkeypatch.setattr(experiments, "load", lambda name: ExperimentCode(data, code.model, code.loss_fn))
    prepare(RunSettings.parse({"experiment": "digits", "seeds": 5}), 0, torch.device("cpu"))
    assert next(made) == 1


def test_rows_of_both_files_are_written_turn_by_turn(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with SeedJournal(folder, "side", torch.device("cpu"), FewSteps(4), (7, 8)) as journal:
        journal.begin()
        for step in range(1, 11):
            journal.step(1, torch.tensor([float(step), math.nan]))
            written = step // 4 * 4
            assert len(rows_of(folder.steps_csv("side"))) == len(rows_of(folder.seeds_csv("side"))) == written
    assert len(rows_of(folder.seeds_csv("side"))) == 10
    header = folder.seeds_csv("side").read_text().splitlines()[0].split(",")
    assert header == ["step", "7", "8"] == list(of_seeds(SEED_STEPS, (7, 8)).names)


def test_one_seed_writes_no_file_of_seeds(tmp_path: Path) -> None:
    run_loop(tmp_path, 0, experiment="digits", epochs=1, seeds=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["side.csv", "side.epochs.csv"]
