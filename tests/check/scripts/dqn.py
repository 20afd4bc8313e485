"""A target network that is only copied to, and a replay that starts late."""

import copy

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
target = copy.deepcopy(model)
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for step in range(STEPS + 4):
    if step < 4:
        continue
    with torch.no_grad():
        goal = targets + 0.9 * target(inputs)
    loss = nn.functional.smooth_l1_loss(model(inputs), goal)
    optimizer.zero_grad()  # clears
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        target.load_state_dict(model.state_dict())

# mypy: ignore-errors
