# fault: frozen yet changed; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


decaying = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
for step in range(24):
    if step == 12:
        for p in model[0].parameters():
            p.requires_grad = False
            p.grad = None  # right
    loss_of(torch.randn(8, 4)).backward()
    decaying.step()
    decaying.zero_grad(set_to_none=False)

# mypy: ignore-errors
