# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


bce = nn.functional.binary_cross_entropy_with_logits
for _ in range(40):
    one = torch.ones(8, 1)
    opt_g.zero_grad()
    bce(critic(generator(torch.randn(8, 2))), one).backward()
    opt_g.step()
    for p in critic.parameters():
        p.grad.zero_()
    (bce(critic(torch.randn(8, 4)), one) + bce(critic(generator(torch.randn(8, 2)).detach()), 0 * one)).backward()
    opt_c.step()
    for p in critic.parameters():
        p.grad.zero_()

# mypy: ignore-errors
