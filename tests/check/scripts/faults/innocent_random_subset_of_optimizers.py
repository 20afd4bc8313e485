# right: clean

import torch
from torch import nn

torch.manual_seed(0)
nets = nn.ModuleList(nn.Linear(4, 1) for _ in range(3))
opts = [torch.optim.SGD(net.parameters(), lr=0.01) for net in nets]
for step in range(48):
    x = torch.randn(8, 4)
    nets.zero_grad()
    sum((net(x) - x[:, :1]).pow(2).mean() for net in nets).backward()
    opts[step % 3].step()

# mypy: ignore-errors
