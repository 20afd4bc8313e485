"""Two losses, two backward passes, one step."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
trunk, head, other = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)
parameters = [*trunk.parameters(), *head.parameters(), *other.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(head(trunk(inputs)), targets).backward()
    nn.functional.l1_loss(other(trunk(inputs)), targets).backward()
    optimizer.step()

# mypy: ignore-errors
