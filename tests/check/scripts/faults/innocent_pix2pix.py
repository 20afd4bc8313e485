# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


bce = nn.functional.binary_cross_entropy_with_logits
for _ in range(24):
    z, real, one = torch.randn(8, 2), torch.randn(8, 4), torch.ones(8, 1)
    fake = generator(z)
    critic.requires_grad_(True)
    opt_c.zero_grad()
    (0.5 * (bce(critic(fake.detach()), 0 * one) + bce(critic(real), one))).backward()
    opt_c.step()
    critic.requires_grad_(False)
    opt_g.zero_grad()
    (bce(critic(fake), one) + (fake - real).abs().mean()).backward()
    opt_g.step()

# mypy: ignore-errors
