"""Clipped only where the norm is large, by value from then on."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(torch.randn(32, 4)), targets).backward()
    if step % 3 == 0:
        nn.utils.clip_grad_value_(model.parameters(), 0.01)
    optimizer.step()

# mypy: ignore-errors
