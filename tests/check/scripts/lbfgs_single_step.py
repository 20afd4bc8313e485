"""LBFGS, as it is mostly used: one step of many iterations.

broken: within a step
"""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=20, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad(set_to_none=False)  # clears
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    return loss


optimizer.step(closure)

# mypy: ignore-errors
