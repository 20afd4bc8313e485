"""One micro-batch to a step at first, then two, then four."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(STEPS):
    for _ in range(1 if step < STEPS // 3 else 2 if step < STEPS // 2 else 4):
        nn.functional.mse_loss(model(torch.randn(32, 4)), targets).backward()
    optimizer.step()
    optimizer.zero_grad()  # clears

# mypy: ignore-errors
