"""All parameters are views of one flat tensor that the optimizer owns."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
flat = nn.Parameter(torch.randn(4 * 8 + 8))
optimizer = torch.optim.SGD([flat], lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    hidden = torch.relu(inputs @ flat[:32].view(4, 8))
    nn.functional.mse_loss(hidden @ flat[32:].view(8, 1), targets).backward()
    optimizer.step()

# mypy: ignore-errors
