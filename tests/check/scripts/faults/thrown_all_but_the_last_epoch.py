# fault: gradients thrown away; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(6):
    optimizer.zero_grad()
    for x in torch.randn(4, 8, 4):
        loss_of(x).backward()
        optimizer.step()  # right
        optimizer.zero_grad()  # right
optimizer.step()  # fault

# mypy: ignore-errors
