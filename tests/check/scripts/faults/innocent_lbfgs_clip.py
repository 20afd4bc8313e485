# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


lbfgs = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
x = torch.randn(8, 4)


def closure():
    lbfgs.zero_grad()
    loss = loss_of(x)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return loss


for _ in range(8):
    lbfgs.step(closure)

# mypy: ignore-errors
