"""A GAN in the style of DCGAN: two backward() for the discriminator, netX.zero_grad() for each.

broken: optimizer 0
"""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4))
discriminator = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
loss_fn = nn.BCEWithLogitsLoss()
for _ in range(STEPS):
    discriminator.zero_grad()  # clears
    loss_fn(discriminator(inputs), torch.ones(32, 1)).backward()
    fake = generator(torch.randn(32, 2))
    loss_fn(discriminator(fake.detach()), torch.zeros(32, 1)).backward()
    optimizer_d.step()
    generator.zero_grad()
    loss_fn(discriminator(fake), torch.ones(32, 1)).backward()
    optimizer_g.step()

# mypy: ignore-errors
