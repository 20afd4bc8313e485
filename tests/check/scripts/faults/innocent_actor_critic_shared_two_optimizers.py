# right: clean

import torch
from torch import nn

torch.manual_seed(0)
trunk, actor, value = nn.Linear(4, 8), nn.Linear(8, 2), nn.Linear(8, 1)
opt_trunk = torch.optim.Adam(trunk.parameters(), lr=1e-3)
opt_actor = torch.optim.Adam(actor.parameters(), lr=1e-3)
opt_value = torch.optim.Adam(value.parameters(), lr=1e-3)
for _ in range(24):
    hidden = torch.tanh(trunk(torch.randn(8, 4)))
    advantage = torch.randn(8, 1)
    for opt in (opt_trunk, opt_actor, opt_value):
        opt.zero_grad()
    (-(torch.log_softmax(actor(hidden), 1)[:, :1] * advantage).mean()).backward(retain_graph=True)
    (0.5 * (value(hidden) - advantage).pow(2).mean()).backward()
    for opt in (opt_trunk, opt_actor, opt_value):
        opt.step()

# mypy: ignore-errors
