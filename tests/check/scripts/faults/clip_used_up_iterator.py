# fault: clipping without effect; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


used_up = model.parameters()
for _ in range(24):
    used_up = model.parameters()  # right
    optimizer.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    nn.utils.clip_grad_norm_(used_up, 1.0)
    optimizer.step()

# mypy: ignore-errors
