# fault: gradients thrown away [windows of different sizes]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


count = 0
for _ in range(12):
    optimizer.zero_grad()  # fault
    for x in torch.randn(10, 8, 4):
        count += 1
        loss_of(x).backward()
        if count % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()

# mypy: ignore-errors
