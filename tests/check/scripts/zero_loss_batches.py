"""A hinge loss that is zero for most batches: gradients of zeros, which were not cleared."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    margin = -100.0 if step % 3 == 1 else 1.0
    torch.relu(margin - model(inputs)).mean().backward()
    optimizer.step()

# mypy: ignore-errors
