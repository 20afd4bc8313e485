"""Foreach Adam with a weight decay, zeroed in place."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True, weight_decay=0.01)
for _ in range(STEPS):
    optimizer.zero_grad(set_to_none=False)  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()

# mypy: ignore-errors
