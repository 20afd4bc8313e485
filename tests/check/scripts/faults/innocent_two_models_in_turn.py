# right: clean

import torch

torch.manual_seed(0)
one, other = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
optimizers = torch.optim.Adam(one.parameters()), torch.optim.Adam(other.parameters())
for _phase in range(4):
    for model, optimizer in zip((one, other), optimizers, strict=True):
        for _ in range(20):
            loss = model(torch.randn(8, 4)).pow(2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

# mypy: ignore-errors
