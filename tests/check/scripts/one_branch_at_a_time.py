"""Only one of two heads gets a gradient at each step; the other's is None."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
trunk, heads = nn.Linear(4, 8), nn.ModuleList([nn.Linear(8, 1), nn.Linear(8, 1)])
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=0.01)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(heads[step % 2](trunk(inputs)), targets).backward()
    optimizer.step()

# mypy: ignore-errors
