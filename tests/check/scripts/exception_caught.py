"""A batch that fails in forward() is skipped."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(STEPS):
    try:
        optimizer.zero_grad()  # clears
        batch = inputs if step % 4 else inputs[:, :3]
        nn.functional.mse_loss(model(batch), targets).backward()
        optimizer.step()
    except RuntimeError:
        continue

# mypy: ignore-errors
