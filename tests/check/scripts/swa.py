"""Stochastic weight averaging, with its scheduler."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
averaged = torch.optim.swa_utils.AveragedModel(model)
scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    if step > 5:
        averaged.update_parameters(model)
        scheduler.step()

# mypy: ignore-errors
