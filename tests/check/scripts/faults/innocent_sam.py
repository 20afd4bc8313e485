# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(24):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    loss_of(x).backward()
    with torch.no_grad():
        shifts = [0.05 * p.grad / (p.grad.norm() + 1e-9) for p in model.parameters()]
        for p, shift in zip(model.parameters(), shifts, strict=True):
            p.add_(shift)
    optimizer.zero_grad()
    loss_of(x).backward()
    with torch.no_grad():
        for p, shift in zip(model.parameters(), shifts, strict=True):
            p.sub_(shift)
    optimizer.step()

# mypy: ignore-errors
