"""Sharpness-aware minimisation: an optimizer whose step runs inside of another one."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base, rho=0.05, **options):
        super().__init__(params, {"rho": rho, **options})
        self.base = base(self.param_groups, **options)

    @torch.no_grad()
    def step(self, closure):
        closure = torch.enable_grad()(closure)
        moved = []
        for group in self.param_groups:
            for p in group["params"]:
                moved.append((p, p.grad * group["rho"]))
                p.add_(moved[-1][1])
        self.zero_grad()  # clears
        closure()
        for p, by in moved:
            p.sub_(by)
        self.base.step()
        self.zero_grad()  # clears


optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.01)


def closure():
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    return loss


for _ in range(STEPS):
    closure()
    optimizer.step(closure)

# mypy: ignore-errors
