# fault: gradients thrown away; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
for i in range(48):
    optimizer.zero_grad()  # fault
    scaler.scale(loss_of(torch.randn(8, 4)) / 4).backward()
    if i % 4 == 3:
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()  # right

# mypy: ignore-errors
