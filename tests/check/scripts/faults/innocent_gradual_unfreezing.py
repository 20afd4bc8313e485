# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


model[0].requires_grad_(False)
momentum = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for step in range(32):
    if step == 16:
        model[0].requires_grad_(True)
    momentum.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    momentum.step()

# mypy: ignore-errors
