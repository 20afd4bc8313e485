# fault: gradients thrown away; right: clean

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
    for target in (0.0, 1.0):
        optimizer.zero_grad()  # fault
        (model(x) - target).pow(2).mean().backward()
    optimizer.step()

# mypy: ignore-errors
