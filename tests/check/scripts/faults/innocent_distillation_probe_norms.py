# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for step in range(48):
    x = torch.randn(8, 4)
    norms = []
    if step % 12 == 0:
        for scale in (1.0, 2.0):
            optimizer.zero_grad()
            (loss_of(x) * scale).backward()
            norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), float("inf"))))
    optimizer.zero_grad()
    loss_of(x).backward()
    optimizer.step()

# mypy: ignore-errors
