# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for step in range(24):
    optimizer.zero_grad()
    loss = loss_of(torch.randn(8, 4)) * (float("nan") if step % 3 == 1 else 1.0)
    loss.backward()
    if not all(p.grad.isfinite().all() for p in model.parameters()):
        optimizer.zero_grad()
        continue
    optimizer.step()

# mypy: ignore-errors
