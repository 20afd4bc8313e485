# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def train(penalty):
    for _ in range(16):
        optimizer.zero_grad()
        (loss_of(torch.randn(8, 4)) + penalty()).backward()
        optimizer.step()


train(lambda: 0.0)
fisher = [torch.zeros_like(p) for p in model.parameters()]
old = [p.detach().clone() for p in model.parameters()]
for x in torch.randn(6, 8, 4):
    model.zero_grad()
    loss_of(x).backward()
    fisher = [f + p.grad.pow(2) / 6 for f, p in zip(fisher, model.parameters(), strict=True)]
train(lambda: sum((f * (p - o).pow(2)).sum() for f, p, o in zip(fisher, model.parameters(), old, strict=True)))

# mypy: ignore-errors
