"""Somebody keeps the gradients of each step."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
kept = []
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    kept.append([parameter.grad for parameter in model.parameters()])
    optimizer.step()

# mypy: ignore-errors
