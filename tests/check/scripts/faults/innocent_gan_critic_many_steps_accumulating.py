# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


for _ in range(10):
    for _ in range(3):
        opt_c.zero_grad()
        for _ in range(2):
            (critic(generator(torch.randn(8, 2)).detach()).mean() - critic(torch.randn(8, 4)).mean()).backward()
        opt_c.step()
        for p in critic.parameters():
            p.data.clamp_(-0.1, 0.1)
    opt_g.zero_grad()
    for _ in range(2):
        (-critic(generator(torch.randn(8, 2))).mean()).backward()
    opt_g.step()

# mypy: ignore-errors
