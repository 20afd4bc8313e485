"""A gradient penalty by autograd.grad(create_graph=True)."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(STEPS):
    samples = inputs.clone().requires_grad_()
    outputs = model(samples)
    (slope,) = torch.autograd.grad(outputs.sum(), samples, create_graph=True)
    loss = nn.functional.mse_loss(outputs, targets) + (slope.norm(dim=1) - 1).pow(2).mean()
    optimizer.zero_grad()  # clears
    loss.backward()
    optimizer.step()

# mypy: ignore-errors
