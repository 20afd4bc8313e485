"""A critic with a gradient penalty through autograd.grad(create_graph=True).

broken: optimizer 0
"""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer_c = torch.optim.Adam(critic.parameters(), lr=1e-3)
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
for _ in range(STEPS):
    for _ in range(2):
        fake = generator(torch.randn(32, 2)).detach()
        mixed = (inputs + 0.5 * (fake - inputs)).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).pow(2).mean()
        optimizer_c.zero_grad()  # clears
        (critic(fake).mean() - critic(inputs).mean() + 10 * penalty).backward()
        optimizer_c.step()
    optimizer_g.zero_grad()
    (-critic(generator(torch.randn(32, 2))).mean()).backward()
    optimizer_g.step()

# mypy: ignore-errors
