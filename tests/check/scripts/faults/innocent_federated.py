# right: clean

import torch
from torch import nn

torch.manual_seed(0)
clients = [nn.Linear(4, 1) for _ in range(3)]
opts = [torch.optim.SGD(net.parameters(), lr=0.01) for net in clients]


def local(net, opt):
    for x in torch.randn(3, 8, 4):
        opt.zero_grad()
        (net(x) - x[:, :1]).pow(2).mean().backward()
        opt.step()


for _ in range(8):
    for net, opt in zip(clients, opts, strict=True):
        local(net, opt)

# mypy: ignore-errors
