# right: clean [gradients dropped, gradients never applied]

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


best = 1e9
for step in range(48):
    kept = [p.detach().clone() for p in model.parameters()]
    optimizer.zero_grad()
    loss = loss_of(torch.randn(8, 4))
    loss.backward()
    if step % 4 == 3:
        with torch.no_grad():
            for p, old in zip(model.parameters(), kept, strict=True):
                p.copy_(old)
        continue
    optimizer.step()

# mypy: ignore-errors
