# right: clean [windows of different sizes]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(6):
    optimizer.zero_grad()
    batches = torch.randn(10, 8, 4)
    for i, x in enumerate(batches):
        (loss_of(x) / 4).backward()
        if i % 4 == 3 or i == len(batches) - 1:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

# mypy: ignore-errors
