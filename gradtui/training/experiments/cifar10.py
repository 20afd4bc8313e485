"""CIFAR-10 with two convolutions and two linear layers: the benchmark of article 1 (see runs/results/claims.py).

As printed, its forward() returns nothing, and its loop "without" calls zero_grad() too; this is what the text describes.
"""

from __future__ import annotations

import torch
from torch import nn

from gradtui.cifar10 import Pixels
from gradtui.cifar10 import files as cifar10_files
from gradtui.settings import RunSettings
from gradtui.training.experiments import Data, ExperimentCode, Split

SHAPE = (3, 32, 32)


def data(settings: RunSettings) -> Data:
    if settings.data == "synthetic":
        return synthetic()
    train, test = cifar10_files.read(cifar10_files.find(settings.data_dir or None))
    return Data(train=_split(train), test=_split(test))


def _split(pixels: Pixels) -> Split:
    images = torch.frombuffer(pixels.images, dtype=torch.uint8).view(-1, *SHAPE)
    return Split(images, torch.frombuffer(pixels.labels, dtype=torch.uint8).long())


def synthetic(train: int = 50_000, test: int = 10_000) -> Data:
    """A learnable stand-in of the same shapes: a coarse pattern per class, plus noise.

    It is the same in every call, regardless of the run's seed.
    """
    draw = torch.Generator().manual_seed(0)
    coarse = torch.rand(10, 3, 4, 4, generator=draw) * 96 + 80
    patterns = nn.functional.interpolate(coarse, size=SHAPE[1:], mode="bilinear")
    labels = torch.randint(10, (train + test,), generator=draw)
    images = torch.empty(train + test, *SHAPE, dtype=torch.uint8)
    for rows in torch.arange(train + test).split(2000):
        noise = torch.randint(-80, 80, (len(rows), *SHAPE), generator=draw)
        images[rows] = (patterns[labels[rows]] + noise).clamp(0, 255).to(torch.uint8)
    return Data(train=Split(images[:train], labels[:train]), test=Split(images[train:], labels[train:]))


def model(settings: RunSettings) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * 8 * 8, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )


EXPERIMENT = ExperimentCode(data, model, nn.CrossEntropyLoss())
