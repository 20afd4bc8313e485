"""Two optimizers for one model; each clears its own half.

broken: optimizer 1
"""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
trunk, head = nn.Linear(4, 8), nn.Linear(8, 1)
slow, quick = torch.optim.SGD(trunk.parameters(), lr=0.001), torch.optim.Adam(head.parameters(), lr=0.01)
for _ in range(STEPS):
    slow.zero_grad()
    quick.zero_grad()  # clears
    nn.functional.mse_loss(head(trunk(inputs)), targets).backward()
    slow.step()
    quick.step()

# mypy: ignore-errors
