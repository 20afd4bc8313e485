# right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def loss_of(x):
    return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()


class Sharp(torch.optim.Optimizer):
    def __init__(self, parameters, base):
        super().__init__(parameters, {})
        self.base = base(self.param_groups, lr=0.01)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self):
        for p in self.param_groups[0]["params"]:
            self.state[p]["shift"] = 0.05 * p.grad
            p.add_(self.state[p]["shift"])
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for p in self.param_groups[0]["params"]:
            p.sub_(self.state[p]["shift"])
        self.base.step()
        self.zero_grad()


sharp = Sharp(model.parameters(), torch.optim.SGD)
for _ in range(24):
    x = torch.randn(8, 4)
    loss_of(x).backward()
    sharp.first_step()
    loss_of(x).backward()
    sharp.second_step()

# mypy: ignore-errors
