"""float64 and a learning rate that is a tensor."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
model = model.double()
optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01))
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs.double()), targets.double()).backward()
    optimizer.step()

# mypy: ignore-errors
