"""The backbone is frozen for five steps, then trained with the head."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
backbone, head = nn.Linear(4, 8), nn.Linear(8, 1)
backbone.requires_grad_(False)
optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.01)
for step in range(STEPS):
    if step == 5:
        backbone.requires_grad_(True)
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(head(backbone(inputs)), targets).backward()
    optimizer.step()

# mypy: ignore-errors
