# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


opt_a = torch.optim.SGD(model.parameters(), lr=0.01)
opt_b = torch.optim.Adam(model.parameters(), lr=0.001)
for step in range(40):
    opt = opt_a if step < 20 else opt_b
    opt.zero_grad()
    loss_of(torch.randn(8, 4)).backward()
    opt.step()

# mypy: ignore-errors
