"""Noise is added to the gradient, in place."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    for parameter in model.parameters():
        parameter.grad.add_(0.01 * torch.randn_like(parameter))
    optimizer.step()

# mypy: ignore-errors
