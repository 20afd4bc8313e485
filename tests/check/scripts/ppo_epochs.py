"""Several passes over one rollout; policy and value share a trunk and one optimizer, the loss has three parts."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
trunk, policy, value = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 1)
parameters = [*trunk.parameters(), *policy.parameters(), *value.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3)
for _ in range(STEPS // 4):
    actions = torch.randint(0, 3, (32,))
    for _ in range(4):
        hidden = torch.tanh(trunk(inputs))
        spread = torch.distributions.Categorical(logits=policy(hidden))
        loss = -spread.log_prob(actions).mean() + nn.functional.mse_loss(value(hidden), targets) - spread.entropy().mean()
        optimizer.zero_grad()  # clears
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()

# mypy: ignore-errors
