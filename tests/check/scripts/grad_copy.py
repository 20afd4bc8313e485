"""p.grad.copy_() of zeros, and gradients averaged through copy_() before the step."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.copy_(torch.zeros_like(parameter))  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    for parameter in model.parameters():
        parameter.grad.copy_((parameter.grad + parameter.grad) / 2)
    optimizer.step()

# mypy: ignore-errors
