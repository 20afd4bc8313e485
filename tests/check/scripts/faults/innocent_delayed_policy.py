# right: clean

import torch
from torch import nn

torch.manual_seed(0)
actor, q = nn.Linear(4, 2), nn.Linear(6, 1)
opt_actor, opt_q = torch.optim.Adam(actor.parameters(), lr=1e-3), torch.optim.Adam(q.parameters(), lr=1e-3)
for step in range(40):
    state, pair = torch.randn(8, 4), torch.randn(8, 6)
    (q(pair) - 1).pow(2).mean().backward()
    opt_q.step()
    opt_q.zero_grad()
    if step % 2:
        (-q(torch.cat([state, actor(state)], 1)).mean()).backward()
        opt_actor.step()
        opt_actor.zero_grad()
        opt_q.zero_grad()

# mypy: ignore-errors
