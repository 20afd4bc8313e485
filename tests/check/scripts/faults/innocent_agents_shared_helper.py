# right: clean

import torch
from torch import nn

torch.manual_seed(0)
agents = {name: nn.Linear(4, 1) for name in "ab"}
opts = {name: torch.optim.SGD(net.parameters(), lr=0.01) for name, net in agents.items()}


def update(loss, opt):
    opt.zero_grad()
    loss.backward()
    opt.step()


for step in range(40):
    x = torch.randn(8, 4)
    update(agents["a"](x).pow(2).mean(), opts["a"])
    if step % 3 == 0:
        update((agents["b"](x) - 1).pow(2).mean(), opts["b"])

# mypy: ignore-errors
