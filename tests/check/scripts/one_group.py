"""Two groups, cleared one by one.

broken: group 0
"""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
trunk, head = nn.Linear(4, 8), nn.Linear(8, 1)
optimizer = torch.optim.SGD([{"params": trunk.parameters(), "lr": 0.001}, {"params": head.parameters()}], lr=0.01)
for _ in range(STEPS):
    trunk.zero_grad()  # clears
    head.zero_grad()
    nn.functional.mse_loss(head(trunk(inputs)), targets).backward()
    optimizer.step()

# mypy: ignore-errors
