"""The inputs get a gradient, are moved along its sign, and the model is trained on both."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    attacked = inputs.clone().requires_grad_()
    nn.functional.mse_loss(model(attacked), targets).backward()
    moved = (attacked + 0.1 * attacked.grad.sign()).detach()
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(moved), targets).backward()
    optimizer.step()

# mypy: ignore-errors
