# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


for _ in range(12):
    for _ in range(3):
        real, fake = torch.randn(8, 4), generator(torch.randn(8, 2)).detach()
        mixed = (real + torch.rand(8, 1) * (fake - real)).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        opt_c.zero_grad()
        (critic(fake).mean() - critic(real).mean() + 10 * (slope.norm(2, 1) - 1).pow(2).mean()).backward()
        opt_c.step()
    opt_g.zero_grad()
    (-critic(generator(torch.randn(8, 2))).mean()).backward()
    opt_g.step()

# mypy: ignore-errors
