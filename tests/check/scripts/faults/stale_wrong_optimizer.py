# fault: stale gradients; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


opt_a = torch.optim.SGD(model[0].parameters(), lr=0.01)
opt_b = torch.optim.SGD(model[2].parameters(), lr=0.01)
for _ in range(24):
    opt_a.zero_grad()  # right
    opt_b.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    opt_a.step(), opt_b.step()

# mypy: ignore-errors
