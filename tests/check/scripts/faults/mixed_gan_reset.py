# fault: mixed losses [windows of different sizes]; right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


bce = nn.functional.binary_cross_entropy_with_logits


def reset():
    opt_g.zero_grad()
    opt_c.zero_grad()


for _ in range(24):
    one, z = torch.ones(8, 1), torch.randn(8, 2)
    reset()  # right
    (bce(critic(torch.randn(8, 4)), one) + bce(critic(generator(z).detach()), 0 * one)).backward()
    opt_c.step()
    reset()
    bce(critic(generator(z)), one).backward()
    opt_g.step()

# mypy: ignore-errors
