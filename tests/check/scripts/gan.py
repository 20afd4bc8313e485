"""A GAN, right: the generator's backward adds to the discriminator's applied gradients, which are cleared in time.

broken: optimizer 0
"""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4))
discriminator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
real, ones, zeros = torch.randn(16, 4), torch.ones(16, 1), torch.zeros(16, 1)
loss_fn = nn.BCEWithLogitsLoss()
for _ in range(STEPS):
    optimizer_d.zero_grad()  # clears
    fake = generator(torch.randn(16, 2))
    (loss_fn(discriminator(real), ones) + loss_fn(discriminator(fake.detach()), zeros)).backward()
    optimizer_d.step()
    optimizer_g.zero_grad()
    loss_fn(discriminator(fake), ones).backward()
    optimizer_g.step()

# mypy: ignore-errors
