# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


teacher = nn.Linear(4, 1)
opt_teacher = torch.optim.SGD(teacher.parameters(), lr=0.01)
for _ in range(24):
    x = torch.randn(8, 4)
    opt_teacher.zero_grad()
    (teacher(x) - x[:, :1]).pow(2).mean().backward()
    opt_teacher.step()
    with torch.no_grad():
        target = teacher(x)
    optimizer.zero_grad()
    (model(x) - target).pow(2).mean().backward()
    optimizer.step()

# mypy: ignore-errors
