# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


for _ in range(5):
    for x in torch.randn(8, 8, 4):
        loss_of(x).backward()
        optimizer.step()
        for p in model.parameters():
            p.grad = None
    model.eval()
    loss_of(torch.randn(8, 4)).backward()
    print(sum(float(p.grad.norm()) for p in model.parameters()))
    for p in model.parameters():
        p.grad = None
    model.train()

# mypy: ignore-errors
