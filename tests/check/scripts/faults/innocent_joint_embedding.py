# right: clean

import torch
from torch import nn

torch.manual_seed(0)
left, right = nn.Linear(4, 3), nn.Linear(4, 3)
opt_left, opt_right = torch.optim.SGD(left.parameters(), lr=0.01), torch.optim.SGD(right.parameters(), lr=0.01)
for _ in range(24):
    x = torch.randn(8, 4)
    opt_left.zero_grad()
    opt_right.zero_grad()
    (left(x) - right(x)).pow(2).mean().backward()
    (left(x).std() - 1).pow(2).backward()
    (right(x).std() - 1).pow(2).backward()
    opt_left.step()
    opt_right.step()

# mypy: ignore-errors
