"""p.grad.fill_(0), and p.grad[:] = 0 for the biases."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.grad.fill_(0)  # clears
        else:
            parameter.grad[:] = 0  # clears

# mypy: ignore-errors
