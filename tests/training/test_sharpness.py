"""The measured sharpness against dense Hessians, and that measuring leaves no trace in the training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradtui.runs.folder import RunFolder
from gradtui.runs.results import sharpness_notes
from gradtui.runs.results.reader import read_results
from gradtui.runs.results.sharpness_notes import samples_measured
from gradtui.settings import RunSettings
from gradtui.training import sharpness
from gradtui.training.experiments import Data, Split
from gradtui.training.journal import Journal, Memory, Stopped
from gradtui.training.loop import train
from gradtui.training.preparation import Training, prepare
from gradtui.training.sharpness import Hessian, SharpnessProbe, sharpness_steps
from tests.made_up import made_up_run
from tests.training.stubs import EndlessTurn, losses_of, rows_of, run_loop

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As the workers have it: with more, small models are slow on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def dense(training: Training) -> Tensor:
    """The Hessian of the loss over all training samples, in double precision."""
    parameters = [p.detach().double() for p in training.model.parameters()]
    names = [name for name, _ in training.model.named_parameters()]
    data = training.data.train
    targets = data.targets.double() if data.targets.is_floating_point() else data.targets

    def loss(flat: Tensor) -> Tensor:
        parts = [part.view_as(p) for part, p in zip(flat.split([p.numel() for p in parameters]), parameters, strict=True)]
        outputs = torch.func.functional_call(training.model, dict(zip(names, parts, strict=True)), data.inputs.double())
        return training.loss_fn(outputs, targets)  # type: ignore[no-any-return]

    hessian: Tensor = torch.func.hessian(loss)(torch.cat([p.reshape(-1) for p in parameters]))
    return hessian


class Recorded:
    """A journal that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def breathe(self) -> None:
        pass

    def sharpness(self, step: int, **values: float) -> None:
        self.rows.append({"step": step, **values})


def measured(training: Training) -> dict[str, float]:
    journal = Recorded()
    SharpnessProbe(training, journal).measure()  # type: ignore[arg-type]  # as much of a journal as it needs
    return journal.rows[0]


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("side", [0, 1])
def test_on_linear_it_is_twelve_times_lr_all_along(tmp_path: Path, lr: float, side: int) -> None:
    run_loop(tmp_path, side, lr=lr, sharpness=True)
    rows = rows_of(tmp_path / "side.sharpness.csv")
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 21)]
    for row in rows:
        assert float(row["sharpness"]) == pytest.approx(12 * lr, rel=1e-6)
        assert float(row["lambda_max"]) == pytest.approx(12, rel=1e-6)
        assert float(row["seconds"]) > 0


@pytest.mark.parametrize("seed", [1, 2, 3, 42])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_on_regression_it_is_the_dense_hessians(seed: int, precision: str) -> None:
    given = {"experiment": "regression", "seed": seed, "sharpness": True, "lr": 0.05}
    training = prepare(RunSettings.parse({**given, "precision": precision}), 0, CPU)
    row = measured(training)
    largest = torch.linalg.eigvalsh(dense(prepare(RunSettings.parse(given), 0, CPU)))[-1].item()
    assert row["lambda_max"] == pytest.approx(largest, rel=3e-3)
    assert row["sharpness"] == 0.05 * row["lambda_max"]
    assert row["residual"] <= 0.01


@pytest.mark.parametrize("seed", [1, 2, 3, 42])
def test_eigenvalues_of_both_signs_are_told_apart(seed: int) -> None:
    """The loss of `three_layer` is a sum of products: most eigenvalues have a neighbour in size that has the other sign."""
    training = prepare(RunSettings.parse({"experiment": "three_layer", "seed": seed, "sharpness": True}), 0, CPU)
    eigenvalues = torch.linalg.eigvalsh(dense(training))
    assert eigenvalues[0] < -0.5 * eigenvalues[-1], "a case of both signs"
    assert measured(training)["lambda_max"] == pytest.approx(eigenvalues[-1].item(), rel=1e-2)


class Bowl(nn.Module):
    """A quadratic with the eigenvalues that it is given; the data do not matter."""

    def __init__(self, eigenvalues: list[float]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(len(eigenvalues)))
        self.register_buffer("eigenvalues", torch.tensor(eigenvalues))

    def forward(self, inputs: Tensor) -> Tensor:
        assert isinstance(self.eigenvalues, Tensor)
        return (self.eigenvalues * self.weights**2).sum() / 2 + 0 * inputs.sum()


class Itself(nn.Module):
    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs


def bowl(eigenvalues: list[float], samples: int = 10) -> Training:
    model = Bowl(eigenvalues)
    settings = RunSettings.parse({"experiment": "regression", "sharpness": True, "lr": 1, "epochs": 40})
    whole = prepare(settings, 0, CPU)
    data = Data(Split(torch.zeros(samples, 3), torch.zeros(samples, 1)))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    return replace(whole, data=data, model=model, loss_fn=Itself(), optimizer=optimizer)


@pytest.mark.parametrize(
    ("eigenvalues", "largest"),
    [
        ([3.0, 1.0, 0.0], 3.0),
        ([1.0, -3.0, 0.5], 1.0),
        ([3.0, -3.0, 1.0], 3.0),
        ([3.0, -3.001, 2.0], 3.0),
        ([2.999, -3.0, -2.9], 2.999),
        ([-1.0, -3.0], -1.0),
        ([-1.0, -1.0], -1.0),
        ([0.0, -2.0], 0.0),
        ([0.0, 0.0], 0.0),
        ([1e-6, 1e-7], 1e-6),
        ([1e30, 1e25], 1e30),
        ([*[i / 500 for i in range(500)], 1.0], 1.0),
        ([*[-i / 500 for i in range(500)], 0.5], 0.5),
    ],
)
def test_it_is_the_largest_eigenvalue_in_sign(eigenvalues: list[float], largest: float) -> None:
    size = max(map(abs, eigenvalues))
    assert measured(bowl(eigenvalues))["lambda_max"] == pytest.approx(largest, abs=1e-2 * size)


def test_a_direction_that_becomes_the_sharpest_is_found_from_the_eigenvector_of_another() -> None:
    training = bowl([3.0, 1.0, 1.0])
    journal = Recorded()
    probe = SharpnessProbe(training, journal)  # type: ignore[arg-type]  # as much of a journal as it needs
    probe.measure()
    assert isinstance(training.model.eigenvalues, Tensor)
    training.model.eigenvalues[2] = 5.0
    probe.measure()
    assert [row["lambda_max"] for row in journal.rows] == pytest.approx([3.0, 5.0], rel=1e-3)


def test_a_loss_that_is_not_finite_has_none() -> None:
    row = measured(bowl([float("nan"), 1.0]))
    assert [repr(row[name]) for name in ("sharpness", "lambda_max", "residual")] == ["nan"] * 3


def test_what_the_optimizer_holds_and_the_loss_does_not_see_has_no_curvature(tmp_path: Path) -> None:
    run_loop(tmp_path, experiment="three_layer", network="as_printed", sharpness=True)
    assert {row["sharpness"] for row in rows_of(tmp_path / "side.sharpness.csv")} == {"0.0"}


@pytest.mark.parametrize(
    "given",
    [
        {"experiment": "linear", "epochs": 60},
        {"experiment": "digits", "epochs": 1, "left": "never"},
        {"experiment": "digits", "epochs": 1, "optimizer": "Adam", "precision": "bfloat16"},
        {"experiment": "regression", "batch_size": 3, "left": "accumulate", "k": 2},
    ],
    ids=str,
)
def test_measuring_changes_no_bit_of_the_training(tmp_path: Path, given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharpness, "POINTS", 7)
    trained = {}
    for on in (False, True):
        training = run_loop(tmp_path / str(on), sharpness=on, **given)
        rows = [
            {name: text for name, text in row.items() if name != "seconds"} for row in rows_of(tmp_path / str(on) / "side.csv")
        ]
        weights = [p.detach().clone() for p in training.model.parameters()]
        grads = [p.grad for p in training.model.parameters()]
        trained[on] = rows, weights, grads, torch.get_rng_state()
    assert trained[True][0] == trained[False][0]
    for a, b in zip(trained[True][1], trained[False][1], strict=True):
        assert torch.equal(a, b)
    for c, d in zip(trained[True][2], trained[False][2], strict=True):
        assert c is d is None or (c is not None and d is not None and torch.equal(c, d))
    assert torch.equal(trained[True][3], trained[False][3])
    assert not (tmp_path / "False" / "side.sharpness.csv").exists()
    assert len(rows_of(tmp_path / "True" / "side.sharpness.csv")) >= 5


def test_the_random_state_is_kept_even_if_the_model_draws() -> None:
    training = bowl([3.0, 1.0])
    training.model.register_forward_hook(lambda *_: torch.rand(1) and None)
    before = torch.get_rng_state()
    measured(training)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
def test_many_samples_are_taken_in_pieces_and_of_very_many_some(monkeypatch: pytest.MonkeyPatch) -> None:
    given = RunSettings.parse({"experiment": "digits", "sharpness": True})
    training = prepare(given, 0, CPU)
    whole = measured(training)
    monkeypatch.setattr(sharpness, "PIECE_VALUES", 64 * 400)
    assert [len(piece) for piece in Hessian(training)._pieces] == [400, 400, 400, 300]
    assert measured(training)["lambda_max"] == pytest.approx(whole["lambda_max"], rel=5e-3)
    monkeypatch.setattr(sharpness_notes, "WHOLE", 1499)
    monkeypatch.setattr(sharpness_notes, "PART", 500)
    [first, second] = Hessian(training)._pieces
    assert torch.equal(torch.cat([first.inputs, second.inputs]), training.data.train.inputs[::3])
    assert samples_measured(1499) == 1499


@pytest.mark.parametrize("planned", [1, 2, 49, 50, 51, 240, 10**6])
def test_it_is_measured_at_some_fifty_steps_with_the_first_and_the_last(planned: int) -> None:
    steps = sharpness_steps(planned)
    taken = [next(steps) for _ in range(min(planned, 50))]
    assert taken == sorted(set(taken))
    assert (taken[0], taken[-1]) == (1, planned)
    assert [next(steps) for _ in range(3)] == [0, 0, 0]
    assert next(sharpness_steps(None)) == 0


class TurnsUntil:
    """Turns that are over at once; the run is stopped at one of them."""

    def __init__(self, last: int) -> None:
        self.taken, self._last = 0, last

    def wait(self, step: int, memory: Memory) -> tuple[float, int]:
        self.taken += 1
        if self.taken > self._last:
            raise Stopped
        return 0.0, 10**9


def test_a_turn_that_is_over_is_passed_on_and_a_stop_is_obeyed_within_a_measurement(tmp_path: Path) -> None:
    training = prepare(RunSettings.parse({"experiment": "digits", "sharpness": True}), 0, CPU)
    turns = TurnsUntil(4)
    with pytest.raises(Stopped), Journal(RunFolder(tmp_path), "side", CPU, turns) as journal:
        train(training, journal)
    assert turns.taken == 5
    assert not (tmp_path / "side.sharpness.csv").exists(), "it was in the middle of the first measurement"
    assert losses_of(tmp_path / "side.csv") == []


def test_the_time_that_it_takes_is_in_no_step_and_its_waits_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]

    def clock() -> float:
        now[0] += 1e-6
        return now[0]

    for module in ("gradtui.training.sharpness", "gradtui.training.step_timer", "gradtui.training.journal"):
        monkeypatch.setattr(f"{module}.time.perf_counter", clock)

    class Slow(EndlessTurn):
        def wait(self, step: int, memory: Memory) -> tuple[float, int]:
            now[0] += 1000.0
            return 0.0, 10**9

    def slow_parts(self: Hessian, vector: Tensor) -> Iterator[Tensor]:
        now[0] += 10.0
        yield 12.0 * vector

    monkeypatch.setattr(Hessian, "parts", slow_parts)
    training = prepare(RunSettings.parse({"sharpness": True, "epochs": 3}), 0, CPU)
    with Journal(RunFolder(tmp_path), "side", CPU, Slow()) as journal:
        train(training, journal)
    assert all(float(row["seconds"]) < 1 for row in rows_of(tmp_path / "side.csv"))
    assert [round(float(row["seconds"])) for row in rows_of(tmp_path / "side.sharpness.csv")] == [
        30,
        10,
        10,
    ]  # three starts at the first point


def test_the_results_say_what_was_measured_and_what_it_cost() -> None:
    folder = made_up_run(sharpness=True)
    header = "step,sharpness,lambda_max,residual,seconds\n"
    for name in folder.read().variants:
        folder.sharpness_csv(name).write_text(
            f"{header}1,1.2,12.0,0.001,0.5000000\n2,1.2,12.0,0.02,0.7500000\n3,nan,nan,nan,0.1\n"
        )
    said = read_results(folder).notes
    assert said[0].startswith("sharpness: measured on all 1 training samples, 6 times in all, which took 2.7 s")
    assert said[1] == "sharpness: 2 of 6 values did not converge, and may be too low"
    assert len(said) == 2
    assert read_results(made_up_run()).notes == []
    assert "no limits here" in read_results(made_up_run(sharpness=True, momentum=0.9)).notes[-1]
    noisy = read_results(made_up_run(sharpness=True, experiment="regression", batch_size=2))
    assert "with minibatches" in noisy.notes[-1]
