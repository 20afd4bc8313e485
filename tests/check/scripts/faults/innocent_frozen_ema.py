# right: clean

import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


teacher = copy.deepcopy(model).requires_grad_(False)
for _ in range(24):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    (loss_of(x) + (model(x) - teacher(x)).pow(2).mean()).backward()
    optimizer.step()
    with torch.no_grad():
        for slow, quick in zip(teacher.parameters(), model.parameters(), strict=True):
            slow.lerp_(quick, 0.1)

# mypy: ignore-errors
