# fault: clipping without effect; right: clean

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(24):
    optimizer.zero_grad()
    loss = loss_of(torch.randn(8, 4))
    clip_grad_norm_(model.parameters(), 0.1)  # fault
    loss.backward()
    clip_grad_norm_(model.parameters(), 0.1)  # right
    optimizer.step()

# mypy: ignore-errors
