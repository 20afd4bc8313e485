# right: clean [gradients dropped]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for step in range(40):
    optimizer.zero_grad()
    (loss_of(torch.randn(8, 4)) * (1e6 if step % 5 == 4 else 1.0)).backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), float("inf"))
    if norm > 1e4:
        optimizer.zero_grad()
        continue
    optimizer.step()

# mypy: ignore-errors
