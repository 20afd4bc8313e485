"""Real handwritten digits, 8x8 pixels of 0 to 16, small enough to ship and to train on a CPU in seconds.

UCI Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998; CC BY 4.0), in the order that scikit-learn
distributes. ``digits.bin.gz`` holds the 1,797 images, 64 bytes each, row by row, then the 1,797 labels, one byte each.
"""

from __future__ import annotations

import gzip
from importlib import resources

import torch
from torch import nn

from gradtui.settings import RunSettings
from gradtui.training.experiments import Data, ExperimentCode, Split

SAMPLES = 1797
TRAIN = 1500
"""The first 1,500 are for training; the last 297, written by other people, are for testing."""


def data(settings: RunSettings) -> Data:
    packed = resources.files(__package__).joinpath("digits.bin.gz").read_bytes()
    bytes_ = torch.frombuffer(bytearray(gzip.decompress(packed)), dtype=torch.uint8)
    images = bytes_[: SAMPLES * 64].view(SAMPLES, 64).float() / 16
    labels = bytes_[SAMPLES * 64 :].long()
    return Data(
        train=Split(images[:TRAIN], labels[:TRAIN]),
        test=Split(images[TRAIN:], labels[TRAIN:]),
    )


def model(settings: RunSettings) -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


EXPERIMENT = ExperimentCode(data, model, nn.CrossEntropyLoss())
