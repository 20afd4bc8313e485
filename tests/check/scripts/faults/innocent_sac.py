# right: clean

import torch
from torch import nn

torch.manual_seed(0)
actor, q1, q2 = nn.Linear(4, 2), nn.Linear(6, 1), nn.Linear(6, 1)
opt_actor = torch.optim.Adam(actor.parameters(), lr=1e-3)
opt_q = torch.optim.Adam([*q1.parameters(), *q2.parameters()], lr=1e-3)
alpha = torch.zeros(1, requires_grad=True)
opt_alpha = torch.optim.Adam([alpha], lr=1e-3)
for step in range(24):
    state, pair = torch.randn(8, 4), torch.randn(8, 6)
    q_loss = (q1(pair) - 1).pow(2).mean() + (q2(pair) - 1).pow(2).mean()
    opt_q.zero_grad()
    q_loss.backward()
    opt_q.step()
    if step % 2 == 0:
        for _ in range(2):
            action = torch.tanh(actor(state))
            both = torch.cat([state, action], 1)
            opt_actor.zero_grad()
            (alpha.exp().detach() * action.pow(2).mean() - torch.min(q1(both), q2(both)).mean()).backward()
            opt_actor.step()
            opt_alpha.zero_grad()
            (alpha.exp() * (action.detach().pow(2).mean() - 0.1)).sum().backward()
            opt_alpha.step()

# mypy: ignore-errors
