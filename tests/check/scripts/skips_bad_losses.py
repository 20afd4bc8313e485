"""A batch whose loss is not finite is skipped before backward()."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    loss = nn.functional.mse_loss(model(inputs), targets) * (float("nan") if step % 5 == 3 else 1.0)
    if not torch.isfinite(loss):
        continue
    loss.backward()
    optimizer.step()

# mypy: ignore-errors
