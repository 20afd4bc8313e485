"""Four micro-batches to a step; the last window of an epoch is smaller and is stepped too."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
batches = 10
for _epoch in range(STEPS // 3):
    for batch in range(batches):
        (nn.functional.mse_loss(model(inputs), targets) / 4).backward()
        if (batch + 1) % 4 == 0 or batch + 1 == batches:
            optimizer.step()
            optimizer.zero_grad()  # clears

# mypy: ignore-errors
