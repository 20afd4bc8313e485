"""The loop runs in a thread of its own."""

import threading

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
inputs, targets = torch.randn(32, 4), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def train():
    for _ in range(STEPS):
        optimizer.zero_grad()  # clears
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()


thread = threading.Thread(target=train)
thread.start()
thread.join()

# mypy: ignore-errors
