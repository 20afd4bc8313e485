"""torch.autograd.grad() measures the gradient between step() and zero_grad(); it adds nothing to .grad."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
parameters = list(model.parameters())
for _ in range(STEPS):
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    torch.autograd.grad(nn.functional.mse_loss(model(inputs), targets), parameters)
    optimizer.zero_grad(set_to_none=False)  # clears

# mypy: ignore-errors
