# fault: stale gradients; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


def backpropagate(loss):
    loss.backward()


class Trainer:
    def __init__(self, opt):
        self.opt = opt

    def train(self, x):
        loss = loss_of(x)
        self.opt.zero_grad()  # right
        backpropagate(loss)
        self.opt.step()


trainer = Trainer(optimizer)
for _ in range(24):
    trainer.train(torch.randn(8, 4))

# mypy: ignore-errors
