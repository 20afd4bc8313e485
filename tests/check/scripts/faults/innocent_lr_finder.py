# right: clean

import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


kept = copy.deepcopy(model.state_dict())
for step in range(20):
    optimizer.param_groups[0]["lr"] = 1e-4 * 1.3**step
    optimizer.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    optimizer.step()
model.load_state_dict(kept)
best = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(20):
    best.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    best.step()

# mypy: ignore-errors
