"""Two losses whose gradients are combined by hand: saved, cleared, added."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    saved = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.zero_grad()  # clears
    nn.functional.l1_loss(model(inputs), targets).backward()
    for parameter, one in zip(model.parameters(), saved, strict=True):
        parameter.grad.add_(one)
    optimizer.step()

# mypy: ignore-errors
