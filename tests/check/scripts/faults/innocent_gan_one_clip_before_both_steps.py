# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


recon = nn.Linear(4, 2)
opt_r = torch.optim.SGD(recon.parameters(), lr=0.01)
for _ in range(24):
    opt_g.zero_grad()
    opt_r.zero_grad()
    z = torch.randn(8, 2)
    (recon(generator(z)) - z).pow(2).mean().backward()
    nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
    nn.utils.clip_grad_norm_(recon.parameters(), 1.0)
    opt_g.step()
    opt_r.step()

# mypy: ignore-errors
