# fault: mixed losses [windows of different sizes]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def gradient_norm(loss):
    loss.backward()
    return float(model[0].weight.grad.norm())


print(gradient_norm(loss_of(torch.randn(8, 4))))
model.zero_grad()  # right
for _ in range(24):
    loss = loss_of(torch.randn(8, 4))
    gradient_norm(loss)
    optimizer.step()
    optimizer.zero_grad()

# mypy: ignore-errors
