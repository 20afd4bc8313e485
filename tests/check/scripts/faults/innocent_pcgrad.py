# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def task(x, which):
    return (model(x) - x[:, which : which + 1]).pow(2).mean()


for _ in range(24):
    x, found = torch.randn(8, 4), []
    for which in range(2):
        optimizer.zero_grad()
        task(x, which).backward()
        found.append([p.grad.clone() for p in model.parameters()])
    for p, one, two in zip(model.parameters(), *found, strict=True):
        dot = (one * two).sum()
        p.grad = one + two - (dot.clamp(max=0) / two.pow(2).sum().clamp(min=1e-9)) * two
    optimizer.step()

# mypy: ignore-errors
