"""Half precision with master weights, whose gradients are copied by hand."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Linear(4, 1).bfloat16()
masters = [parameter.detach().float().requires_grad_() for parameter in model.parameters()]
optimizer = torch.optim.SGD(masters, lr=0.01)
for _ in range(STEPS):
    model.zero_grad()
    nn.functional.mse_loss(model(inputs.bfloat16()).float(), targets).backward()
    for master, parameter in zip(masters, model.parameters(), strict=True):
        if master.grad is None:
            master.grad = torch.zeros_like(master)
        master.grad.data.copy_(parameter.grad.data)
    optimizer.step()
    for master, parameter in zip(masters, model.parameters(), strict=True):
        parameter.data.copy_(master.data)

# mypy: ignore-errors
