# right: clean

import torch
from torch import nn

torch.manual_seed(0)
trunk, actor, value = nn.Linear(4, 8), nn.Linear(8, 2), nn.Linear(8, 1)
adam = torch.optim.Adam([*trunk.parameters(), *actor.parameters(), *value.parameters()], lr=1e-3)
for _ in range(24):
    hidden = torch.tanh(trunk(torch.randn(8, 4)))
    advantage = torch.randn(8, 1)
    adam.zero_grad()
    (-(torch.log_softmax(actor(hidden), 1)[:, :1] * advantage).mean()).backward(retain_graph=True)
    (0.5 * (value(hidden) - advantage).pow(2).mean()).backward()
    nn.utils.clip_grad_norm_([*trunk.parameters(), *actor.parameters(), *value.parameters()], 0.5)
    adam.step()

# mypy: ignore-errors
