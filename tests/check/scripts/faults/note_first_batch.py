# fault: clean [windows of different sizes]; right: clean [gradients never applied]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for i in range(49):
    (loss_of(torch.randn(8, 4)) / 4).backward()
    take = i % 4 == 0  # fault
    take = i % 4 == 3  # right
    if take:
        optimizer.step()
        optimizer.zero_grad()

# mypy: ignore-errors
