"""Weight norm as a parametrization, and a learned scale of no dimension."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 8)), nn.ReLU(), nn.Linear(8, 1))
scale = nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.Adam([{"params": model.parameters()}, {"params": [scale], "lr": 0.1}], lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs) * scale, targets).backward()
    optimizer.step()

# mypy: ignore-errors
