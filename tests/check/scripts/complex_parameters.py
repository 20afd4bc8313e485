"""A complex weight."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
weight = nn.Parameter(torch.randn(4, 1, dtype=torch.complex64))
optimizer = torch.optim.Adam([weight], lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    (inputs.to(torch.complex64) @ weight - targets).abs().pow(2).mean().backward()
    optimizer.step()

# mypy: ignore-errors
