# fault: shared by two optimizers; right: clean

import torch
from torch import nn

torch.manual_seed(0)
encoder, head = nn.Linear(4, 6), nn.Linear(6, 1)
opt_encoder = torch.optim.SGD(encoder.parameters(), lr=0.01)
both = [*encoder.parameters(), *head.parameters()]  # fault
both = [*head.parameters()]  # right
opt_both = torch.optim.SGD(both, lr=0.01)
for _ in range(24):
    opt_encoder.zero_grad()
    opt_both.zero_grad()
    head(torch.tanh(encoder(torch.randn(8, 4)))).pow(2).mean().backward()
    opt_encoder.step()
    opt_both.step()

# mypy: ignore-errors
