"""The loop, the real one, against what is known to be true of it."""

import itertools
import json
import statistics
from collections import Counter
from pathlib import Path

import pytest
import torch

from gradtui.catalog import EXPERIMENTS, OPTIMIZERS
from gradtui.runs.folder import RunFolder
from gradtui.runs.packed import PLAIN, ROWS, PackedRows
from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.batches import Batches
from gradtui.training.gradients import measured_steps
from gradtui.training.journal import Journal
from gradtui.training.preparation import prepare
from tests.training.stubs import FewSteps, losses_of, rows_of, run_loop

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")),
]
GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "linear_article.json").read_text())


def test_the_articles_losses_bit_for_bit(tmp_path: Path) -> None:
    for side, name in enumerate(("with_zero_grad", "without_zero_grad")):
        run_loop(tmp_path / name, side, init="independent")
        assert losses_of(tmp_path / name / "side.csv") == GOLDEN[name]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("experiment", "epochs", "lr"), [("linear", 200, 0.1), ("linear", 200, 0.3), ("digits", 4, 0.01)])
def test_never_clearing_is_momentum_of_one(tmp_path: Path, device: str, experiment: str, epochs: int, lr: float) -> None:
    """Plain SGD that never clears IS SGD with momentum 1.0 that does: the buffer is the sum of all gradients."""
    run = {"experiment": experiment, "epochs": epochs, "lr": lr}
    run_loop(tmp_path / "never", side=1, device=device, **run)
    run_loop(tmp_path / "momentum", side=0, device=device, momentum=1.0, **run)
    never, momentum = losses_of(tmp_path / "never" / "side.csv"), losses_of(tmp_path / "momentum" / "side.csv")
    assert len(never) == RunSettings.parse(run).planned_steps(0)
    assert list(map(repr, never)) == list(map(repr, momentum))


def test_with_zero_grad_the_loss_of_linear_falls_by_a_known_factor(tmp_path: Path) -> None:
    run_loop(tmp_path, lr=0.05, epochs=8)
    losses = losses_of(tmp_path / "side.csv")
    for before, after in itertools.pairwise(losses):
        assert after / before == pytest.approx((1 - 12 * 0.05) ** 2, rel=1e-3)


def test_without_zero_grad_linear_is_an_undamped_oscillator(tmp_path: Path) -> None:
    run_loop(tmp_path, side=1, lr=0.1, epochs=2000)
    losses = losses_of(tmp_path / "side.csv")
    assert max(losses[1000:]) == pytest.approx(max(losses[:1000]), rel=0.05)


def test_at_a_learning_rate_of_a_quarter_it_is_with_that_diverges(tmp_path: Path) -> None:
    run_loop(tmp_path / "with", side=0, lr=0.25, epochs=30)
    run_loop(tmp_path / "without", side=1, lr=0.25, epochs=30)
    assert losses_of(tmp_path / "with" / "side.csv")[-1] > 1e6
    assert max(losses_of(tmp_path / "without" / "side.csv")) < 10


@pytest.mark.parametrize("device", DEVICES)
def test_both_sides_start_alike_and_see_the_same_batches(device: str) -> None:
    settings = RunSettings.parse({"experiment": "digits"})
    left, right = (prepare(settings, side, torch.device(device)) for side in (0, 1))
    for a, b in zip(left.model.parameters(), right.model.parameters(), strict=True):
        assert torch.equal(a, b)
    orders = []
    for training in (left, right):
        shuffle = torch.Generator().manual_seed(settings.seed)
        batches = Batches(training.data.train, 64, shuffle, torch.device(device))
        orders.append([targets for _ in range(2) for _, targets in batches])
    assert all(torch.equal(a, b) for a, b in zip(*orders, strict=True))
    assert not torch.equal(orders[0][0], orders[0][24]), "the second epoch has another order than the first"


def test_independent_weights_differ() -> None:
    settings = RunSettings.parse({"experiment": "digits", "init": "independent"})
    left, right = (prepare(settings, side, torch.device("cpu")) for side in (0, 1))
    assert not torch.equal(next(left.model.parameters()), next(right.model.parameters()))


def test_an_epoch_holds_every_sample_once() -> None:
    data = experiments.load("digits").data(RunSettings.parse({"experiment": "digits"}))
    batches = list(Batches(data.train, 64, torch.Generator().manual_seed(1), torch.device("cpu")))
    assert [len(inputs) for inputs, _ in batches] == [64] * 23 + [28]
    seen = torch.cat([inputs for inputs, _ in batches])
    assert torch.equal(torch.sort(seen.sum(dim=1)).values, torch.sort(data.train.inputs.sum(dim=1)).values)


def test_a_batch_larger_than_the_data_is_one_batch(tmp_path: Path) -> None:
    run_loop(tmp_path, experiment="digits", batch_size=5000, epochs=3)
    assert [row["epoch"] for row in rows_of(tmp_path / "side.csv")] == ["1", "2", "3"]


def test_the_digits_are_the_real_ones() -> None:
    data = experiments.load("digits").data(RunSettings.parse({"experiment": "digits"}))
    assert data.test is not None
    assert (data.train.inputs.shape, data.test.inputs.shape) == ((1500, 64), (297, 64))
    assert data.train.targets[:10].tolist() == list(range(10))
    assert (data.train.inputs.min().item(), data.train.inputs.max().item()) == (0, 1)
    assert torch.bincount(torch.cat([data.train.targets, data.test.targets])).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip


def test_digits_are_learned_and_tested_after_every_epoch(tmp_path: Path) -> None:
    run_loop(tmp_path, experiment="digits", optimizer="Adam")
    epochs = rows_of(tmp_path / "side.epochs.csv")
    assert [row["epoch"] for row in epochs] == [str(i) for i in range(1, 11)]
    assert [row["step"] for row in epochs] == [str(24 * i) for i in range(1, 11)]
    assert float(epochs[-1]["accuracy"]) > 0.85
    assert float(epochs[-1]["test_loss"]) < float(epochs[0]["test_loss"])


@pytest.mark.parametrize("name", [name for name, experiment in EXPERIMENTS.items() if experiment.samples])
def test_the_catalogue_tells_the_truth_about_an_experiment(name: str) -> None:
    made_up = {"data": "synthetic"} if name == "cifar10" else {}
    settings = RunSettings.parse({"experiment": name, **made_up})
    data, model = experiments.load(name).data(settings), experiments.load(name).model(settings)
    assert len(data.train) == EXPERIMENTS[name].samples
    assert (len(data.test) if data.test else 0) == EXPERIMENTS[name].test_samples
    assert sum(parameter.numel() for parameter in model.parameters()) == EXPERIMENTS[name].parameters


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_catalogue_has_torchs_own_defaults(name: str) -> None:
    made = getattr(torch.optim, name)([torch.nn.Parameter(torch.zeros(1))], **({"lr": 0.1} if name == "SGD" else {}))
    settings = RunSettings.parse({"optimizer": name})
    for option, value in settings.optimizer_options.items():
        assert made.defaults[option] == value
    if OPTIMIZERS[name].lr is not None:
        assert made.defaults["lr"] == settings.lr


def test_the_gradient_that_is_applied_and_the_fresh_one(tmp_path: Path) -> None:
    run_loop(tmp_path / "with", side=0, epochs=20)
    run_loop(tmp_path / "without", side=1, epochs=20)
    with_rows, without_rows = rows_of(tmp_path / "with" / "side.csv"), rows_of(tmp_path / "without" / "side.csv")
    for row in with_rows:
        assert row["grad_norm"] == row["fresh_grad_norm"]
    # The first step is alike; on the second, the first's gradient is still there.
    assert without_rows[0]["grad_norm"] == without_rows[0]["fresh_grad_norm"]
    assert float(without_rows[1]["grad_norm"]) > 2 * float(without_rows[1]["fresh_grad_norm"])
    # One sample: the gradient at residual r is 2 r (x, 1), of norm 2 sqrt(6) sqrt(loss).
    for row in without_rows:
        assert float(row["fresh_grad_norm"]) == pytest.approx(2 * (6 * float(row["loss"])) ** 0.5, rel=1e-4)
    # All gradients lie on one line, so what is applied is what was there plus or minus what is fresh.
    for before, row in itertools.pairwise(without_rows):
        was, fresh, applied = float(before["grad_norm"]), float(row["fresh_grad_norm"]), float(row["grad_norm"])
        assert min(abs(was + fresh - applied), abs(abs(was - fresh) - applied)) < 1e-4


def test_which_test_samples_were_right_is_recorded_after_every_epoch(tmp_path: Path) -> None:
    training = run_loop(tmp_path, experiment="digits", epochs=2)
    epochs, right = rows_of(tmp_path / "side.epochs.csv"), rows_of(tmp_path / "side.right.csv")
    assert [row["epoch"] for row in right] == ["1", "2"]
    for row, bits in zip(epochs, right, strict=True):
        assert int(bits["right"], 16).bit_count() == round(float(row["accuracy"]) * 297)
    test = training.data.test
    assert test is not None
    expected = (training.model(test.inputs).argmax(dim=1) == test.targets).tolist()
    digits = [f"{int(digit, 16):04b}" for digit in right[-1]["right"]]
    assert [bit == "1" for bit in "".join(digits)][:297] == expected


@pytest.mark.parametrize("planned", [101, 240, 480, 1440, 5000, 100_000, None])
@pytest.mark.parametrize("period", [1, 2, 4, 7, 23, 40])
def test_the_steps_that_are_measured_see_all_phases_alike(planned: int | None, period: int) -> None:
    steps = list(itertools.islice(measured_steps(planned, period, 24), 400))
    spread = [step for step in steps if step > 5]
    counts = Counter(step % period for step in spread if step)
    if len(spread) >= 4 * period:
        assert len(counts) == period
        assert max(counts.values()) <= 2 * min(counts.values()) + 1
    if planned and planned > 1050:
        assert sum(step > 0 for step in steps) <= planned / 20, "so that the time of 95 % of the steps is not inflated"


def test_the_measured_ratio_of_gradients_is_that_of_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cleared every fourth step: of steps 40, 80, 120, only the last phase would be seen."""

    def ratio(folder: Path) -> float:
        run_loop(folder, 1, experiment="digits", right="every_kth_step", k=4)
        rows = [row for row in rows_of(folder / "side.csv") if row["grad_norm"] and row["step"] != "1"]
        return statistics.median(float(row["grad_norm"]) / float(row["fresh_grad_norm"]) for row in rows)

    measured = ratio(tmp_path / "measured")
    monkeypatch.setattr("gradtui.training.loop.measured_steps", lambda *planned: itertools.count(1))
    assert measured == pytest.approx(ratio(tmp_path / "all"), rel=0.1)


def test_measuring_gradients_changes_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_loop(tmp_path / "measured", side=1, experiment="digits", epochs=2)
    monkeypatch.setattr("gradtui.training.loop.measured_steps", lambda *planned: iter(lambda: 0, 1))
    run_loop(tmp_path / "bare", side=1, experiment="digits", epochs=2)
    assert losses_of(tmp_path / "measured" / "side.csv") == losses_of(tmp_path / "bare" / "side.csv")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_rows_of_a_long_run_are_packed_too(tmp_path: Path, dtype: torch.dtype) -> None:
    folder = RunFolder(tmp_path)
    losses = torch.randn(2 * ROWS + 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(dtype)
    with Journal(folder, "side", torch.device("cpu"), FewSteps(9999)) as journal:
        journal.begin()
        for i, loss in enumerate(losses):
            reading = torch.tensor([4.0, 1.0 / (i + 1), 0.3, -1.0], dtype=torch.float64) if i % 5000 == 0 else None
            journal.step(i // 7 + 1, loss, reading)
    packed, rows = PackedRows(folder.steps_csv("side"), folder.packed("side")), rows_of(folder.steps_csv("side"))
    for number in range(2):
        block = packed.read()
        assert block is not None
        written = rows[number * ROWS : (number + 1) * ROWS]
        assert [*block.steps] == [int(row["step"]) for row in written]
        assert [*block.losses] == [float(row["loss"]) for row in written]
        for name in ("seconds", *PLAIN.gradients):
            expected = [repr(float(row[name] or "nan")) for row in written]
            assert [*map(repr, block.values[name])] == expected
    assert packed.read() is None
    assert len(rows) == 2 * ROWS + 5
    assert [float(row["loss"]) for row in rows] == losses.tolist()
