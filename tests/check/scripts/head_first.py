"""The head alone is trained first, then all of it, with a new optimizer."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
model[0].requires_grad_(False)
optimizer = torch.optim.SGD(model[2].parameters(), lr=0.01)
for step in range(STEPS):
    if step == STEPS // 2:
        model[0].requires_grad_(True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()

# mypy: ignore-errors
