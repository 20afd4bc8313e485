# right: clean [gradients dropped, gradients never applied]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(6):
    optimizer.zero_grad()
    for i, x in enumerate(torch.randn(10, 8, 4)):
        (loss_of(x) / 4).backward()
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()

# mypy: ignore-errors
