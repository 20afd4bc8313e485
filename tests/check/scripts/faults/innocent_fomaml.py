# right: clean

import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(12):
    optimizer.zero_grad()
    for _ in range(2):
        fast = copy.deepcopy(model)
        inner = torch.optim.SGD(fast.parameters(), lr=0.05)
        fast(torch.randn(8, 4)).pow(2).mean().backward()
        inner.step()
        inner.zero_grad()
        fast(torch.randn(8, 4)).pow(2).mean().backward()
        for slow, quick in zip(model.parameters(), fast.parameters(), strict=True):
            slow.grad = quick.grad.clone() if slow.grad is None else slow.grad + quick.grad
    optimizer.step()

# mypy: ignore-errors
