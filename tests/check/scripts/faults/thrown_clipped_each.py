# fault: clean [gradients dropped]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for i in range(48):
    optimizer.zero_grad()  # fault
    (loss_of(torch.randn(8, 4)) / 4).backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 100.0)  # fault
    if i % 4 == 3:
        norm = nn.utils.clip_grad_norm_(model.parameters(), 100.0)  # right
        optimizer.step()
        optimizer.zero_grad()  # right

# mypy: ignore-errors
