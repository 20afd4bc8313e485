# right: clean [windows of different sizes]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for i in range(46):
    (loss_of(torch.randn(8, 4)) / 4).backward()
    if i % 4 == 3:
        optimizer.step()
        optimizer.zero_grad()
optimizer.step()
optimizer.zero_grad()

# mypy: ignore-errors
