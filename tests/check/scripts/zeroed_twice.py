"""Cleared before and after, in place and to None."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad(set_to_none=False)  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    model.zero_grad()  # clears

# mypy: ignore-errors
