"""Weights and biases have an optimizer each; one backward() feeds both."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
weights = torch.optim.AdamW([p for p in model.parameters() if p.dim() > 1], lr=1e-3)
biases = torch.optim.SGD([p for p in model.parameters() if p.dim() == 1], lr=1e-3)
for _ in range(STEPS):
    model.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    weights.step()
    biases.step()

# mypy: ignore-errors
