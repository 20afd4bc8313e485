"""It has reached its goal: gradients are zeros from the first step on."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
weight = nn.Parameter(torch.zeros(3))
optimizer = torch.optim.SGD([weight], lr=0.1)
for _ in range(STEPS):
    optimizer.zero_grad(set_to_none=False)
    weight.pow(2).sum().backward()
    optimizer.step()

# mypy: ignore-errors
