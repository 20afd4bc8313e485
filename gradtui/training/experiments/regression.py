"""A linear model on ten random samples: article 2's example for monitoring a loss."""

from __future__ import annotations

import torch
from torch import nn

from gradtui.settings import RunSettings
from gradtui.training.experiments import Data, ExperimentCode, Split


def data(settings: RunSettings) -> Data:
    return Data(train=Split(torch.randn(10, 3), torch.randn(10, 1)))


def model(settings: RunSettings) -> nn.Module:
    return nn.Linear(3, 1)


EXPERIMENT = ExperimentCode(data, model, nn.MSELoss())
