# right: clean

import torch
from torch import nn

torch.manual_seed(0)
nets = [nn.Linear(4, 1) for _ in range(3)]
opts = [torch.optim.SGD(net.parameters(), lr=0.01) for net in nets]
for _ in range(24):
    x = torch.randn(8, 4)
    for opt in opts:
        opt.zero_grad()
    for net in nets:
        (net(x) - x[:, :1]).pow(2).mean().backward()
    for opt in opts:
        opt.step()

# mypy: ignore-errors
