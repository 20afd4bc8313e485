# fault: shared by two optimizers; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


optimizers = [torch.optim.SGD(model.parameters(), lr=0.01), torch.optim.Adam(model.parameters(), lr=1e-3)]
optimizers = optimizers[:1]  # right
for _ in range(24):
    model.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    for each in optimizers:
        each.step()

# mypy: ignore-errors
