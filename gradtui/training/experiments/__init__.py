"""The experiments: one small module for each in the catalogue, each with an ``EXPERIMENT``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from gradtui.settings import RunSettings


@dataclass(frozen=True)
class Split:
    """Samples: ``inputs`` of shape (samples, ...), ``targets`` of shape (samples,) for classes, else (samples, ...).

    Inputs of dtype uint8 are pixels: the model sees them as numbers from 0 to 1.
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def bytes(self) -> int:
        """Memory of the samples in bytes, as stored."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.inputs, self.targets))


@dataclass(frozen=True)
class Data:
    """The training data, and the test data for the end of each epoch, if any."""

    train: Split
    test: Split | None = None


def _all_of(model: nn.Module, settings: RunSettings) -> Iterable[Tensor]:
    return model.parameters()


@dataclass(frozen=True)
class ExperimentCode:
    """The code of an experiment.

    ``data`` and ``model`` draw random numbers from torch's global generator, which the caller has seeded.
    ``loss_fn(model(inputs), targets)`` is a scalar. ``optimized`` returns the tensors that the optimizer holds: by
    default, all parameters of the model.
    """

    data: Callable[[RunSettings], Data]
    model: Callable[[RunSettings], nn.Module]
    loss_fn: nn.Module
    optimized: Callable[[nn.Module, RunSettings], Iterable[Tensor]] = _all_of


def load(name: str) -> ExperimentCode:
    """Load an experiment by its name in the catalogue."""
    experiment: ExperimentCode = importlib.import_module(f"{__name__}.{name}").EXPERIMENT
    return experiment
