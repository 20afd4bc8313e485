# right: clean

import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(8):
    fast = copy.deepcopy(model)
    inner = torch.optim.SGD(fast.parameters(), lr=0.05)
    for _ in range(3):
        inner.zero_grad()
        fast(torch.randn(8, 4)).pow(2).mean().backward()
        inner.step()
    with torch.no_grad():
        for slow, quick in zip(model.parameters(), fast.parameters(), strict=True):
            slow.lerp_(quick, 0.1)

# mypy: ignore-errors
