# fault: clipping without effect; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


amp = torch.amp.GradScaler("cpu", init_scale=1024.0)
for i in range(48):
    amp.scale(loss_of(torch.randn(8, 4)) / 2).backward()
    if i % 2:
        amp.unscale_(optimizer)  # right
        nn.utils.clip_grad_value_(model.parameters(), 0.5)
        amp.step(optimizer)
        amp.update()
        optimizer.zero_grad()

# mypy: ignore-errors
