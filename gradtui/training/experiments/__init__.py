"""What is trained: one small module for each experiment of the catalogue, each with an ``EXPERIMENT``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from gradtui.settings import RunSettings


@dataclass(frozen=True)
class Split:
    """Samples: ``inputs`` of shape (samples, ...), ``targets`` of shape (samples,) for classes, else (samples, ...)."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Data:
    """What is trained on, and what the model is tested on after every epoch, if anything."""

    train: Split
    test: Split | None = None


@dataclass(frozen=True)
class Experiment:
    """``data`` and ``model`` draw what is random in them from torch's global generator, which the loop has seeded.

    ``loss_fn(model(inputs), targets)`` is a scalar, the mean over the samples.
    """

    data: Callable[[RunSettings], Data]
    model: Callable[[RunSettings], nn.Module]
    loss_fn: nn.Module


def load(name: str) -> Experiment:
    """The experiment of that name in the catalogue."""
    experiment: Experiment = importlib.import_module(f"{__name__}.{name}").EXPERIMENT
    return experiment
