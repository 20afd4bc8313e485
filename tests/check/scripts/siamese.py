"""The same encoder twice in one loss, with a stop-gradient, and a temperature."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
encoder, predictor = nn.Linear(4, 8), nn.Linear(8, 8)
optimizer = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], lr=0.05, momentum=0.9)
for _ in range(STEPS):
    one, two = encoder(inputs), encoder(inputs + 0.1 * torch.randn_like(inputs))
    loss = -nn.functional.cosine_similarity(predictor(one), two.detach()).mean()
    loss = loss - nn.functional.cosine_similarity(predictor(two), one.detach()).mean()
    optimizer.zero_grad()  # clears
    loss.backward()
    optimizer.step()

# mypy: ignore-errors
