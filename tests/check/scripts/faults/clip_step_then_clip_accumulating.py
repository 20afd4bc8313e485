# fault: clipping without effect; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def train(batches):
    for x in batches:
        loss_of(x).div(len(batches)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # fault
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # right
    optimizer.step()
    optimizer.zero_grad()


for _ in range(16):
    train(torch.randn(3, 8, 4))

# mypy: ignore-errors
