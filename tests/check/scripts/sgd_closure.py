"""SGD with a closure of two micro-batches."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def closure():
    model.zero_grad()  # clears
    for half in (slice(0, 16), slice(16, 32)):
        loss = nn.functional.mse_loss(model(inputs[half]), targets[half]) / 2
        loss.backward()
    return loss


for _ in range(STEPS):
    optimizer.step(closure)

# mypy: ignore-errors
