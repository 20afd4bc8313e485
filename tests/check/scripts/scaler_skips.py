"""GradScaler skips the steps whose gradients are infinite."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    loss = nn.functional.mse_loss(model(inputs), targets)
    scaler.scale(loss).backward()
    if step % 5 == 3:
        model[0].weight.grad[0, 0] = float("inf")
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()

# mypy: ignore-errors
