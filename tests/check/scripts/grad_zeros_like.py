"""p.grad = torch.zeros_like(p)."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for parameter in model.parameters():
    parameter.grad = torch.zeros_like(parameter)
for _ in range(STEPS):
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)  # clears

# mypy: ignore-errors
