"""Actor and critic: the actor's loss runs through the critic."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
actor, critic = nn.Linear(4, 2), nn.Linear(6, 1)
optimizer_actor = torch.optim.Adam(actor.parameters(), lr=1e-3)
optimizer_critic = torch.optim.Adam(critic.parameters(), lr=1e-3)
optimizers = [optimizer_critic, optimizer_actor]
for _ in range(STEPS):
    state, reward = torch.randn(8, 4), torch.randn(8, 1)
    value = critic(torch.cat([state, actor(state).detach()], dim=1))
    for optimizer in optimizers:
        optimizer.zero_grad()  # clears
    nn.functional.mse_loss(value, reward).backward()
    optimizer_critic.step()
    policy_loss = -critic(torch.cat([state, actor(state)], dim=1)).mean()
    policy_loss.backward()
    optimizer_actor.step()

# mypy: ignore-errors
