"""Second-order meta-learning with functional_call."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    weights = dict(model.named_parameters())
    for _ in range(2):
        loss = nn.functional.mse_loss(torch.func.functional_call(model, weights, inputs), targets)
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        weights = {name: weight - 0.1 * g for (name, weight), g in zip(weights.items(), gradients, strict=True)}
    nn.functional.mse_loss(torch.func.functional_call(model, weights, inputs), targets).backward()
    optimizer.step()

# mypy: ignore-errors
