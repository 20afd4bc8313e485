"""Truncated backpropagation through time."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
cell, head = nn.GRU(3, 6, batch_first=True), nn.Linear(6, 1)
optimizer = torch.optim.SGD([*cell.parameters(), *head.parameters()], lr=0.05)
hidden = torch.zeros(1, 4, 6)
for _ in range(STEPS):
    hidden = hidden.detach()
    outputs, hidden = cell(torch.randn(4, 5, 3), hidden)
    optimizer.zero_grad()  # clears
    head(outputs).pow(2).mean().backward()
    optimizer.step()

# mypy: ignore-errors
