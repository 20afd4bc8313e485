# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


matrices = torch.optim.SGD([p for p in model.parameters() if p.ndim > 1], lr=0.01, momentum=0.9)
others = torch.optim.AdamW([p for p in model.parameters() if p.ndim < 2], lr=1e-3)
for i in range(48):
    (loss_of(torch.randn(8, 4)) / 2).backward()
    if i % 2:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for each in (matrices, others):
            each.step()
        model.zero_grad(set_to_none=True)

# mypy: ignore-errors
