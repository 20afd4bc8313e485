# fault: gradients thrown away; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def closure():
    optimizer.zero_grad()  # right
    for _ in range(3):
        optimizer.zero_grad()  # fault
        loss = loss_of(torch.randn(8, 4)) / 3
        loss.backward()
    return loss


for _ in range(24):
    optimizer.step(closure)

# mypy: ignore-errors
