# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


both = [*generator.parameters(), *critic.parameters()]
for _ in range(24):
    opt_c.zero_grad()
    (critic(generator(torch.randn(8, 2)).detach()).mean() - critic(torch.randn(8, 4)).mean()).backward()
    nn.utils.clip_grad_norm_(both, 1.0)
    opt_c.step()
    opt_g.zero_grad()
    opt_c.zero_grad()
    (-critic(generator(torch.randn(8, 2))).mean()).backward()
    nn.utils.clip_grad_norm_(both, 1.0)
    opt_g.step()
    opt_c.zero_grad()

# mypy: ignore-errors
