"""An optimizer of the script's own."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


class Momentum(torch.optim.Optimizer):
    def __init__(self, params, lr=0.01, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                mean.mul_(group["beta"]).add_(p.grad)
                p.add_(mean, alpha=-group["lr"])


optimizer = Momentum(model.parameters())
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()

# mypy: ignore-errors
