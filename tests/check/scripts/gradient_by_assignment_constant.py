"""torch.autograd.grad() and p.grad = ..., of a loss whose gradient is the same at each step: new ones all the same."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs = torch.randn(32, 4)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
parameters = list(model.parameters())
for _ in range(STEPS):
    loss = model(inputs).mean()
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()

# mypy: ignore-errors
