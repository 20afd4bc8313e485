"""An auxiliary head joins the loss after some steps; its gradients are None until then."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
extra = nn.Linear(8, 1)
optimizer = torch.optim.SGD([*model.parameters(), *extra.parameters()], lr=0.01)
for step in range(STEPS):
    optimizer.zero_grad()  # clears
    hidden = model[1](model[0](inputs))
    loss = nn.functional.mse_loss(model[2](hidden), targets)
    if step >= 6:
        loss = loss + nn.functional.l1_loss(extra(hidden), targets)
    loss.backward()
    optimizer.step()

# mypy: ignore-errors
