"""Three micro-batches to a step; what an epoch leaves over is dropped when the next one begins."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _epoch in range(STEPS // 3):
    optimizer.zero_grad()  # clears
    for batch in range(10):
        nn.functional.mse_loss(model(inputs), targets).backward()
        if (batch + 1) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()  # clears

# mypy: ignore-errors
