"""An optimizer that wraps another one and is no Optimizer."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


class Lookahead:
    def __init__(self, base, every=5):
        self.base, self.every, self.count = base, every, 0
        self.slow = [p.detach().clone() for group in base.param_groups for p in group["params"]]

    def zero_grad(self):
        self.base.zero_grad()

    def step(self):
        self.base.step()
        self.count += 1
        if self.count % self.every == 0:
            fast = [p for group in self.base.param_groups for p in group["params"]]
            for slow, p in zip(self.slow, fast, strict=True):
                slow.lerp_(p.detach(), 0.5)
                p.data.copy_(slow)


optimizer = Lookahead(torch.optim.Adam(model.parameters(), lr=0.01))
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()

# mypy: ignore-errors
