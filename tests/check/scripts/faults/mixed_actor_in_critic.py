# fault: mixed losses; right: clean

import torch
from torch import nn

torch.manual_seed(0)
actor, q = nn.Linear(4, 2), nn.Linear(6, 1)
opt_actor, opt_q = torch.optim.Adam(actor.parameters(), lr=1e-3), torch.optim.Adam(q.parameters(), lr=1e-3)
for _ in range(24):
    state, action = torch.randn(8, 4), torch.randn(8, 2)
    opt_q.zero_grad()
    opt_actor.zero_grad()
    (q(torch.cat([state, action], 1)) - state[:, :1]).pow(2).mean().backward()
    q.requires_grad_(False)  # right
    (-q(torch.cat([state, actor(state)], 1)).mean()).backward()
    q.requires_grad_(True)  # right
    opt_q.step()
    opt_actor.step()

# mypy: ignore-errors
