"""Cleared in its own function, called from a callback at the end of each batch."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def on_batch_end(trained):
    for group in trained.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad = None  # clears


callbacks = [on_batch_end]
for _ in range(STEPS):
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    for callback in callbacks:
        callback(optimizer)

# mypy: ignore-errors
