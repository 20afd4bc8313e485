# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


shift = torch.zeros(8, 4)
for _ in range(8):
    x = torch.randn(8, 4)
    for _ in range(3):
        moved = (x + shift).requires_grad_()
        optimizer.zero_grad()
        loss_of(moved).backward()
        shift = (shift + 0.05 * moved.grad.sign()).clamp(-0.1, 0.1)
        optimizer.step()

# mypy: ignore-errors
