# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for step in range(64):
    optimizer.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    optimizer.step()
    if step % 16 == 0:
        optimizer.zero_grad()
        (1e-3 * sum(p.pow(2).sum() for p in model.parameters())).backward()
        optimizer.step()

# mypy: ignore-errors
