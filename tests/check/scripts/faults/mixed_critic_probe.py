# fault: mixed losses; right: clean

import torch
from torch import nn

torch.manual_seed(0)
generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


opt_q = torch.optim.Adam(critic.parameters(), lr=1e-3)
actor = nn.Linear(2, 4)
opt_actor = torch.optim.Adam(actor.parameters(), lr=1e-3)


class Agent:
    def learn_actor(self):
        opt_actor.zero_grad()
        (-critic(actor(torch.randn(8, 2))).mean()).backward()
        opt_actor.step()

    def learn_critic(self):
        opt_q.zero_grad()  # right
        (critic(torch.randn(8, 4)) - 1).pow(2).mean().backward()
        opt_q.step()
        opt_q.zero_grad()


agent = Agent()
for _ in range(24):
    agent.learn_actor()
    agent.learn_critic()

# mypy: ignore-errors
