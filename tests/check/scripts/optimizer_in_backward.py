"""One optimizer for each parameter, stepped inside of backward()."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizers = {p: torch.optim.SGD([p], lr=0.01) for p in model.parameters()}


def step_now(parameter):
    optimizers[parameter].step()
    optimizers[parameter].zero_grad()  # clears


for parameter in model.parameters():
    parameter.register_post_accumulate_grad_hook(step_now)
for _ in range(STEPS):
    nn.functional.mse_loss(model(inputs), targets).backward()

# mypy: ignore-errors
