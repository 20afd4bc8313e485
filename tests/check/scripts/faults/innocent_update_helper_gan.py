# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


def update(loss, opt):
    opt.zero_grad()
    loss.backward()
    opt.step()


for _ in range(24):
    update((critic(generator(torch.randn(8, 2)).detach()) - critic(torch.randn(8, 4))).mean(), opt_c)
    update(-critic(generator(torch.randn(8, 2))).mean(), opt_g)

# mypy: ignore-errors
