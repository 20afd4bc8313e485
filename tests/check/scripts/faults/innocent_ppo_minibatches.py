# right: clean

import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Linear(4, 3)
adam = torch.optim.Adam(policy.parameters(), lr=1e-3)
for _ in range(4):
    with torch.no_grad():
        states = torch.randn(32, 4)
        old = torch.log_softmax(policy(states), 1)[:, 0]
    for _ in range(3):
        for index in torch.randperm(32).split(8):
            ratio = (torch.log_softmax(policy(states[index]), 1)[:, 0] - old[index]).exp()
            adam.zero_grad()
            (-ratio.mean()).backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            adam.step()
            if float((ratio - 1).abs().max()) > 10:
                break

# mypy: ignore-errors
