# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(16):
    x = torch.randn(8, 4)
    shift = torch.zeros_like(x, requires_grad=True)
    for _ in range(3):
        loss_of(x + shift).backward()
        shift = (shift + 0.05 * shift.grad.sign()).detach().requires_grad_()
        model.zero_grad()
    loss_of(x + shift.detach()).backward()
    optimizer.step()
    optimizer.zero_grad()

# mypy: ignore-errors
