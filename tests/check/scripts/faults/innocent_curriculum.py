# right: clean [windows of different sizes]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for stage in range(1, 5):
    for _ in range(8):
        optimizer.zero_grad()
        for _ in range(stage):
            (loss_of(torch.randn(8, 4)) / stage).backward()
        optimizer.step()

# mypy: ignore-errors
