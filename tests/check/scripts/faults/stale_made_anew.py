# fault: stale gradients [optimizer made anew]; right: clean [optimizer made anew]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def train(x):
    fresh = torch.optim.SGD(model.parameters(), lr=0.01)
    fresh.zero_grad()  # right
    loss_of(x).backward()
    fresh.step()


for _ in range(24):
    train(torch.randn(8, 4))

# mypy: ignore-errors
