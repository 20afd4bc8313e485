"""torch.autograd.grad() makes the gradients, and they are added to .grad by hand."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
parameters = list(model.parameters())
for _ in range(STEPS):
    loss = nn.functional.mse_loss(model(inputs), targets)
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient.clone()
    optimizer.step()

# mypy: ignore-errors
