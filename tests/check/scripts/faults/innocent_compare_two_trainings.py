# right: clean

import torch
from torch import nn

torch.manual_seed(0)
nets = [nn.Linear(4, 1), nn.Linear(4, 1)]
opts = [torch.optim.SGD(nets[0].parameters(), lr=0.01), torch.optim.SGD(nets[1].parameters(), lr=0.01)]
for net, opt in zip(nets, opts, strict=True):
    for _ in range(20):
        opt.zero_grad()
        net(torch.randn(8, 4)).pow(2).mean().backward()
        opt.step()
for net, opt in zip(nets, opts, strict=True):
    for _ in range(10):
        opt.zero_grad()
        net(torch.randn(8, 4)).pow(2).mean().backward()
        opt.step()

# mypy: ignore-errors
