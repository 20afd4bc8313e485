# fault: optimizer never steps; right: clean

import torch
from torch import nn

torch.manual_seed(0)
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt_encoder = torch.optim.SGD(encoder.parameters(), lr=0.01)
opt_decoder = torch.optim.SGD(decoder.parameters(), lr=0.01)
for _ in range(24):
    x = torch.randn(8, 4)
    opt_encoder.zero_grad()
    opt_decoder.zero_grad()
    (decoder(encoder(x)) - x).pow(2).mean().backward()
    opt_decoder.step()
    opt_encoder.step()  # right

# mypy: ignore-errors
