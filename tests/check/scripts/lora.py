"""A frozen base and two small trained matrices; one of them begins at zero, so the other gets gradients of zero."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
base = nn.Linear(4, 1).requires_grad_(False)
down, up = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.zeros(2, 1))
optimizer = torch.optim.AdamW([down, up], lr=0.01)
for _ in range(STEPS):
    nn.functional.mse_loss(base(inputs) + inputs @ down @ up, targets).backward()
    optimizer.step()
    optimizer.zero_grad()  # clears

# mypy: ignore-errors
