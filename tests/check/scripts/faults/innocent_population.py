# right: clean

import torch
from torch import nn

torch.manual_seed(0)
nets = [nn.Linear(4, 1) for _ in range(4)]
opts = [torch.optim.SGD(net.parameters(), lr=0.01) for net in nets]
for _ in range(24):
    x = torch.randn(8, 4)
    for net, opt in zip(nets, opts, strict=True):
        opt.zero_grad()
        (net(x) - x[:, :1]).pow(2).mean().backward()
        opt.step()

# mypy: ignore-errors
