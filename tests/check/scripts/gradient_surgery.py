"""Gradients of two tasks are projected and written back with copy_()."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    flat = []
    for loss_fn in (nn.functional.mse_loss, nn.functional.l1_loss):
        optimizer.zero_grad()  # clears
        loss_fn(model(inputs), targets).backward()
        flat.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    one, other = flat
    one = one - torch.clamp(one @ other, max=0) / (other @ other) * other
    start = 0
    for parameter in model.parameters():
        parameter.grad.copy_((one + other)[start : start + parameter.numel()].view_as(parameter))
        start += parameter.numel()
    optimizer.step()

# mypy: ignore-errors
