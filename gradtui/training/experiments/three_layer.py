"""Three small layers whose loss is the sum of their outputs, as printed in article 1 (see runs/results/claims.py).

As printed, the optimizer holds w1, w2 and w3, three tensors that the network never uses: they never get a gradient, the
network never changes, and zero_grad() clears nothing. Corrected, the optimizer holds the network's parameters.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from gradtui.settings import RunSettings
from gradtui.training.experiments import Data, ExperimentCode, Split


class Sum(nn.Module):
    """The sum of the outputs; there are no targets to compare them with."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sum()


def data(settings: RunSettings) -> Data:
    return Data(train=Split(torch.randn(5, 3), torch.zeros(5)))


def model(settings: RunSettings) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))


def optimized(model: nn.Module, settings: RunSettings) -> Iterable[Tensor]:
    if settings.network == "as_printed":
        device = next(model.parameters()).device
        return [torch.randn(3, 3, device=device, requires_grad=True) for _ in range(3)]
    return model.parameters()


EXPERIMENT = ExperimentCode(data, model, Sum(), optimized)
