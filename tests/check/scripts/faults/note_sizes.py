# fault: clean [windows of different sizes]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(6):
    batches = torch.randn(10, 8, 4)
    batches = batches[:8]  # right
    for i, x in enumerate(batches):
        (loss_of(x) / 4).backward()
        if i % 4 == 3 or i + 1 == len(batches):
            optimizer.step()
            optimizer.zero_grad()

# mypy: ignore-errors
