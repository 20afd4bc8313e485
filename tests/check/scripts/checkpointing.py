"""Gradient checkpointing: a backward() within the backward()."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)

blocks = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(3)])
head = nn.Linear(4, 1)
optimizer = torch.optim.AdamW([*blocks.parameters(), *head.parameters()], lr=1e-3)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    hidden = inputs.clone().requires_grad_()
    for place, block in enumerate(blocks):
        hidden = checkpoint(block, hidden, use_reentrant=place < 2)
    nn.functional.mse_loss(head(hidden), targets).backward()
    optimizer.step()

# mypy: ignore-errors
