# fault: parameters in no optimizer; right: clean

import torch
from torch import nn

torch.manual_seed(0)
trunk, head = nn.Linear(4, 6), nn.Linear(6, 1)
trunk.requires_grad_(False)  # right
adam = torch.optim.Adam(head.parameters(), lr=1e-3)
for _ in range(24):
    adam.zero_grad()
    head(torch.tanh(trunk(torch.randn(8, 4)))).pow(2).mean().backward()
    adam.step()

# mypy: ignore-errors
