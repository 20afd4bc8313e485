# fault: mixed losses; right: clean

import torch
from torch import nn

torch.manual_seed(0)
actor, q = nn.Linear(4, 2), nn.Linear(6, 1)
opt_actor, opt_q = torch.optim.Adam(actor.parameters(), lr=1e-3), torch.optim.Adam(q.parameters(), lr=1e-3)
for _ in range(24):
    state, pair = torch.randn(8, 4), torch.randn(8, 6)
    opt_actor.zero_grad()
    (-q(torch.cat([state, actor(state)], 1)).mean()).backward()
    opt_actor.step()
    opt_q.zero_grad()  # right
    (q(pair) - 1).pow(2).mean().backward()
    opt_q.step()
    opt_q.zero_grad()

# mypy: ignore-errors
