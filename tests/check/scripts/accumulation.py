"""Four micro-batches to a step, on purpose."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for micro_batch in range(STEPS * 4):
    loss = nn.functional.mse_loss(model(inputs), targets) / 4
    loss.backward()
    if (micro_batch + 1) % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()  # clears

# mypy: ignore-errors
