# right: clean

import torch
from torch import nn

torch.manual_seed(0)
cell, out = nn.RNNCell(4, 6), nn.Linear(6, 1)
adam = torch.optim.Adam([*cell.parameters(), *out.parameters()], lr=1e-3)
for _ in range(6):
    hidden = torch.zeros(8, 6)
    for x in torch.randn(4, 5, 8, 4):
        hidden = hidden.detach()
        adam.zero_grad()
        for part in x:
            hidden = cell(part, hidden)
        out(hidden).pow(2).mean().backward()
        nn.utils.clip_grad_norm_(cell.parameters(), 0.25)
        adam.step()

# mypy: ignore-errors
