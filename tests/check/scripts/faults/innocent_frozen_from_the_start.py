# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


model[0].requires_grad_(False)
decaying = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
for _ in range(24):
    decaying.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    decaying.step()

# mypy: ignore-errors
