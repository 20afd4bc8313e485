"""An evaluation without gradients after each step, and a checkpoint that is loaded back."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(STEPS):
    model.train()
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        nn.functional.mse_loss(model(inputs), targets).item()
    if step == STEPS // 2:
        model.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
        optimizer.load_state_dict(optimizer.state_dict())

# mypy: ignore-errors
