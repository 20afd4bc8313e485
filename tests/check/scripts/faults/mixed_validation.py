# fault: mixed losses [windows of different sizes, gradients never applied]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def validate():
    model.eval()
    for x in torch.randn(3, 8, 4):
        loss = loss_of(x)
        loss.backward()  # fault
    model.train()


for _ in range(4):
    for x in torch.randn(8, 8, 4):
        loss_of(x).backward()
        optimizer.step()
        optimizer.zero_grad()
    validate()

# mypy: ignore-errors
