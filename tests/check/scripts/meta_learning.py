"""First-order meta-learning: a clone is adapted, and its gradients, added up by hand, become the model's."""

import copy

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()
    for _ in range(2):
        learner = copy.deepcopy(model)
        inner = torch.optim.SGD(learner.parameters(), lr=0.1)
        for _ in range(2):
            inner.zero_grad()
            nn.functional.mse_loss(learner(inputs), targets).backward()
            inner.step()
        learner.zero_grad()
        nn.functional.mse_loss(learner(inputs), targets).backward()
        for parameter, adapted in zip(model.parameters(), learner.parameters(), strict=True):
            parameter.grad = adapted.grad.clone() if parameter.grad is None else parameter.grad + adapted.grad
    optimizer.step()

# mypy: ignore-errors
