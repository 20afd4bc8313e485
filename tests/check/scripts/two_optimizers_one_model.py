"""Two optimizers step the same parameters in turns."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
first = torch.optim.SGD(model.parameters(), lr=0.01)
second = torch.optim.Adam(model.parameters(), lr=0.001)
for step in range(STEPS):
    optimizer = second if step % 2 else first
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()

# mypy: ignore-errors
