# fault: stale gradients; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


trunk, heads = nn.Linear(4, 6), nn.ModuleList([nn.Linear(6, 1), nn.Linear(6, 2)])
adam = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-3)
for _ in range(12):
    for head in heads:
        adam.zero_grad()  # right
        head(torch.tanh(trunk(torch.randn(8, 4)))).pow(2).mean().backward()
        adam.step()
    adam.zero_grad()  # fault

# mypy: ignore-errors
