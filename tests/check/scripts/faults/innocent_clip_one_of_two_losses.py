# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


head = nn.Linear(4, 1)
both = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01)
for _ in range(24):
    x = torch.randn(8, 4)
    both.zero_grad()
    loss_of(x).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    head(x).pow(2).mean().backward()
    both.step()

# mypy: ignore-errors
