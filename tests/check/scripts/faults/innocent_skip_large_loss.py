# right: clean [gradients dropped]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for step in range(40):
    optimizer.zero_grad()
    loss = loss_of(torch.randn(8, 4)) * (100.0 if step % 4 == 1 else 1.0)
    loss.backward()
    if loss.item() > 30:
        continue
    optimizer.step()

# mypy: ignore-errors
