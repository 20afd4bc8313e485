# fault: cleared before step; right: clean

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(20):
    optimizer.zero_grad()  # right
    model(torch.randn(8, 4)).pow(2).mean().backward()
    optimizer.zero_grad()  # fault
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

# mypy: ignore-errors
