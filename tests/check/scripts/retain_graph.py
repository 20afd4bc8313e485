"""Two losses of one graph."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    outputs = model(inputs)
    one, other = nn.functional.mse_loss(outputs, targets), nn.functional.l1_loss(outputs, targets)
    optimizer.zero_grad()  # clears
    one.backward(retain_graph=True)
    other.backward()
    optimizer.step()

# mypy: ignore-errors
