"""The backward() of each sample, then one step."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    for row, target in zip(inputs[:4], targets[:4], strict=True):
        (nn.functional.mse_loss(model(row), target) / 4).backward()
    optimizer.step()

# mypy: ignore-errors
