# fault: stale gradients; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
for _ in range(24):
    optimizer.zero_grad()  # right
    scaler.scale(loss_of(torch.randn(8, 4))).backward()
    scaler.step(optimizer)
    scaler.update()

# mypy: ignore-errors
