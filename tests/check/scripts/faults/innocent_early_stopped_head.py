# right: clean

import torch
from torch import nn

torch.manual_seed(0)
trunk, head = nn.Linear(4, 6), nn.Linear(6, 1)
opt_trunk, opt_head = torch.optim.SGD(trunk.parameters(), lr=0.01), torch.optim.SGD(head.parameters(), lr=0.01)
for step in range(32):
    opt_trunk.zero_grad()
    opt_head.zero_grad()
    head(torch.tanh(trunk(torch.randn(8, 4)))).pow(2).mean().backward()
    opt_trunk.step()
    if step < 16:
        opt_head.step()

# mypy: ignore-errors
