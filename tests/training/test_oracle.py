"""The whole of a sweep against a training loop that shares no code with gradtui: every curve equal, bit for bit.

The loop below is what a reader of the PyTorch tutorial would write. It knows gradtui's digits (checked against scikit-learn's
elsewhere), the model's shape, and that each epoch's order is drawn from a generator seeded with the run's seed.
"""

from __future__ import annotations

import csv
import gzip
import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtui.cli import main
from gradtui.runs.saved_runs import all_runs
from gradtui.training.experiments import digits

EPOCHS, SEEDS = 3, (42,)
RATES = (0.001, 0.01, 0.1)
OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "Adagrad": torch.optim.Adagrad,
    "Adadelta": torch.optim.Adadelta,
    "RMSprop": torch.optim.RMSprop,
}


def oracle(name: str, lr: float, seed: int, *, clear: bool) -> list[float]:
    """The losses of training, a float per step."""
    raw = torch.frombuffer(
        bytearray(gzip.decompress(Path(digits.__file__).with_name("digits.bin.gz").read_bytes())), dtype=torch.uint8
    )
    images, labels = raw[: 1797 * 64].view(1797, 64)[:1500].float() / 16, raw[1797 * 64 :][:1500].long()
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = OPTIMIZERS[name](model.parameters(), lr=lr)
    order, losses = torch.Generator().manual_seed(seed), []
    for _ in range(EPOCHS):
        for batch in torch.randperm(1500, generator=order).split(64):
            if clear:
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_curve_of_a_sweep_is_that_of_a_plain_loop() -> None:
    words = ["--optimizers", "all", "--lrs", ",".join(map(str, RATES)), "--epochs", str(EPOCHS), "--device", "cpu"]
    for seed in SEEDS:
        assert main(["sweep", "digits", *words, "--seeds", "1", "--seed", str(seed)]) == 0
    torch.set_num_threads(1)  # as the workers do: a sum in another order is another sum
    seen = []
    for folder in all_runs():
        settings = folder.read().settings
        cell = settings.optimizer, settings.lr, settings.seed
        seen.append(cell)
        for variant, clear in zip(settings.variants, (True, False), strict=True):
            with open(folder.steps_csv(variant), encoding="ascii") as file:
                losses = [float(row["loss"]) for row in csv.DictReader(file)]
            assert [*map(repr, losses)] == [*map(repr, oracle(*cell, clear=clear))], (cell, variant)
    assert sorted(seen) == sorted(itertools.product(OPTIMIZERS, RATES, SEEDS))
