"""The loop is a generator that yields losses."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def losses():
    for _ in range(STEPS):
        optimizer.zero_grad()  # clears
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        yield loss.item()


print(sum(losses()) > 0)

# mypy: ignore-errors
