# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(24):
    total = [torch.zeros_like(p) for p in model.parameters()]
    for x in torch.randn(4, 1, 4):
        optimizer.zero_grad()
        loss_of(x).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for t, p in zip(total, model.parameters(), strict=True):
            t.add_(p.grad)
    optimizer.zero_grad(set_to_none=False)
    for t, p in zip(total, model.parameters(), strict=True):
        p.grad.copy_(t)
    optimizer.step()

# mypy: ignore-errors
