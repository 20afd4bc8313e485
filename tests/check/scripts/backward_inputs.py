"""backward(inputs=...) for one half of the model at a time."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
halves = [list(model[0].parameters()), list(model[2].parameters())]
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward(inputs=halves[0], retain_graph=True)
    loss.backward(inputs=halves[1])
    optimizer.step()

# mypy: ignore-errors
