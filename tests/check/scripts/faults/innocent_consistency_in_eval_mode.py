# right: clean [windows of different sizes]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for step in range(40):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    if step % 4 == 1:
        model.eval()
        (model(x) - model(x + 0.1)).pow(2).mean().backward()
        model.train()
    loss_of(x).backward()
    optimizer.step()

# mypy: ignore-errors
