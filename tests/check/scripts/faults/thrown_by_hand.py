# fault: gradients thrown away; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def forget():
    for p in model.parameters():
        p.grad = None


for i in range(48):
    forget()  # fault
    (loss_of(torch.randn(8, 4)) / 4).backward()
    if i % 4 == 3:
        optimizer.step()
        forget()  # right

# mypy: ignore-errors
