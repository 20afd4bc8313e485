"""An optimizer that wraps another one, and accumulates, in the style of Accelerate."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


class Accelerated(torch.optim.Optimizer):
    """Steps and clears only when the window is full."""

    def __init__(self, optimizer):
        self.optimizer, self.full = optimizer, False

    @property
    def param_groups(self):
        return self.optimizer.param_groups

    def step(self, closure=None):
        if self.full:
            self.optimizer.step(closure)

    def zero_grad(self, set_to_none=True):
        if self.full:
            self.optimizer.zero_grad(set_to_none)  # clears


optimizer = Accelerated(torch.optim.SGD(model.parameters(), lr=0.01))
for micro_batch in range(STEPS * 2):
    optimizer.full = micro_batch % 2 == 1
    loss = nn.functional.mse_loss(model(inputs), targets) / 2
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()

# mypy: ignore-errors
