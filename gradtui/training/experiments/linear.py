"""One sample, one layer: article 2's experiment, small enough to follow every step with pencil and paper.

The loss is a quadratic of curvature 12: with zero_grad(), a step multiplies it by (1 - 12 lr)^2; without, the residual
is an undamped oscillator, r[t+1] = (2 - 12 lr) r[t] - r[t-1].
"""

from __future__ import annotations

import torch
from torch import nn

from gradtui.settings import RunSettings
from gradtui.training.experiments import Data, ExperimentCode, Split


def data(settings: RunSettings) -> Data:
    return Data(train=Split(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0]])))


def model(settings: RunSettings) -> nn.Module:
    return nn.Linear(2, 1)


EXPERIMENT = ExperimentCode(data, model, nn.MSELoss())
