# right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for _ in range(24):
    one = torch.ones(8, 1)
    opt_c.zero_grad()
    scaler.scale((critic(generator(torch.randn(8, 2)).detach()) - critic(torch.randn(8, 4))).mean()).backward()
    scaler.unscale_(opt_c)
    nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
    scaler.step(opt_c)
    opt_g.zero_grad()
    scaler.scale(-critic(generator(torch.randn(8, 2))).mean()).backward()
    scaler.step(opt_g)
    scaler.update()

# mypy: ignore-errors
