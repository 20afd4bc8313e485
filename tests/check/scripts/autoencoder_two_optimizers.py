"""Encoder and decoder have an optimizer each; both are cleared through one list."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
optimizers = [torch.optim.Adam(part.parameters(), lr=1e-3) for part in (encoder, decoder)]
for _ in range(STEPS):
    for optimizer in optimizers:
        optimizer.zero_grad()  # clears
    nn.functional.mse_loss(decoder(encoder(inputs)), inputs).backward()
    for optimizer in optimizers:
        optimizer.step()

# mypy: ignore-errors
