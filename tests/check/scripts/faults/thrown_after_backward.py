# fault: gradients thrown away; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def accumulate(i, x):
    loss_of(x).div(3).backward()
    if i % 3 == 2:
        optimizer.step()
        optimizer.zero_grad()  # right
    model.zero_grad()  # fault


for i in range(36):
    accumulate(i, torch.randn(8, 4))

# mypy: ignore-errors
