"""A bfloat16 model with Adafactor."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
model = model.bfloat16()
optimizer = torch.optim.Adafactor(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs.bfloat16()), targets.bfloat16()).backward()
    optimizer.step()

# mypy: ignore-errors
