"""A new optimizer for each epoch."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
for epoch in range(3):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 / (epoch + 1))
    for _ in range(STEPS // 3):
        optimizer.zero_grad()  # clears
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()

# mypy: ignore-errors
