# fault: gradients thrown away; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


class Loop:
    def __init__(self, every):
        self.opt, self.every, self.seen = torch.optim.Adam(model.parameters(), lr=1e-3), every, 0

    def feed(self, x):
        self.opt.zero_grad()  # fault
        self.backward(loss_of(x) / self.every)
        self.seen += 1
        if self.seen % self.every == 0:
            self.step()

    def backward(self, loss):
        loss.backward()

    def step(self):
        self.opt.step()
        self.opt.zero_grad()  # right


loop = Loop(4)
for x in torch.randn(48, 8, 4):
    loop.feed(x)

# mypy: ignore-errors
