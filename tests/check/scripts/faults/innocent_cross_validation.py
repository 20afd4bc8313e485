# right: clean

import torch
from torch import nn

torch.manual_seed(0)
for _ in range(4):
    net = nn.Linear(4, 1)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(8):
        adam.zero_grad()
        net(torch.randn(8, 4)).pow(2).mean().backward()
        adam.step()

# mypy: ignore-errors
