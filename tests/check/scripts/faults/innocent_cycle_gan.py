# right: clean

import itertools

import torch
from torch import nn

torch.manual_seed(0)
to_b, to_a, judge_a, judge_b = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1), nn.Linear(3, 1)
opt_g = torch.optim.Adam(itertools.chain(to_b.parameters(), to_a.parameters()), lr=1e-3)
opt_a = torch.optim.Adam(judge_a.parameters(), lr=1e-3)
opt_b = torch.optim.Adam(judge_b.parameters(), lr=1e-3)
for _ in range(24):
    a, b = torch.randn(8, 3), torch.randn(8, 3)
    fake_a, fake_b = to_a(b), to_b(a)
    opt_g.zero_grad()
    ((judge_a(fake_a) - 1).pow(2).mean() + (judge_b(fake_b) - 1).pow(2).mean() + (to_a(fake_b) - a).abs().mean()).backward()
    opt_g.step()
    for judge, opt, real, fake in ((judge_a, opt_a, a, fake_a), (judge_b, opt_b, b, fake_b)):
        opt.zero_grad()
        ((judge(real) - 1).pow(2).mean() + judge(fake.detach()).pow(2).mean()).backward()
        opt.step()

# mypy: ignore-errors
