# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


weights = torch.ones(2, requires_grad=True)
opt_weights = torch.optim.SGD([weights], lr=0.01)
for _ in range(24):
    x = torch.randn(8, 4)
    losses = torch.stack([loss_of(x), model(x).abs().mean()])
    optimizer.zero_grad()
    opt_weights.zero_grad()
    (weights * losses).sum().backward()
    optimizer.step()
    opt_weights.step()

# mypy: ignore-errors
