"""Two tensors that belong to no module."""

import torch

STEPS = 12
torch.manual_seed(0)
weight = torch.randn(4, 1, requires_grad=True)
bias = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([weight, bias], lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    loss = (torch.randn(8, 4) @ weight + bias - 1).pow(2).mean()
    loss.backward()
    optimizer.step()

# mypy: ignore-errors
