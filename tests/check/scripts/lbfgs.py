"""LBFGS: the closure clears."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Linear(4, 1)  # convex: elsewhere LBFGS may end at nan, by how the CPU rounds
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=5)


def closure():
    optimizer.zero_grad()  # clears
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    return loss


for _ in range(STEPS):
    optimizer.step(closure)

# mypy: ignore-errors
