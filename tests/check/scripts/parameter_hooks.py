"""Hooks of the script's own scale and log gradients."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
norms = []
for parameter in model.parameters():
    parameter.register_hook(lambda gradient: gradient * 0.5)
    parameter.register_post_accumulate_grad_hook(lambda p: norms.append(p.grad.norm()))
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    hidden = model[1](model[0](inputs))
    hidden.retain_grad()
    nn.functional.mse_loss(model[2](hidden), targets).backward()
    optimizer.step()

# mypy: ignore-errors
