# fault: mixed losses [windows of different sizes, gradients never applied]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def run(batches, train):
    model.train(train)
    for x in batches:
        loss = loss_of(x)
        wanted = train  # right
        wanted = True  # fault
        if wanted:
            loss.backward()
        if train:
            optimizer.step()
            optimizer.zero_grad()


for _ in range(4):
    run(torch.randn(8, 8, 4), True)
    run(torch.randn(2, 8, 4), False)

# mypy: ignore-errors
