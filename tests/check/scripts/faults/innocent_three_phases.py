# right: clean

import torch
from torch import nn

torch.manual_seed(0)
encoder, head = nn.Linear(4, 6), nn.Linear(6, 1)
for parts in ([head], [encoder], [encoder, head]):
    adam = torch.optim.Adam([p for part in parts for p in part.parameters()], lr=1e-3)
    encoder.requires_grad_(encoder in parts)
    head.requires_grad_(head in parts)
    for _ in range(12):
        adam.zero_grad()
        head(torch.tanh(encoder(torch.randn(8, 4)))).pow(2).mean().backward()
        adam.step()

# mypy: ignore-errors
