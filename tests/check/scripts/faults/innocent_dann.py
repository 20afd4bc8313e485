# right: clean

import torch
from torch import nn

torch.manual_seed(0)
features, label, domain = nn.Linear(4, 6), nn.Linear(6, 2), nn.Linear(6, 2)
opt_task = torch.optim.SGD([*features.parameters(), *label.parameters()], lr=0.01)
opt_domain = torch.optim.SGD(domain.parameters(), lr=0.01)
entropy = nn.CrossEntropyLoss()
for _ in range(24):
    x, y, d = torch.randn(8, 4), torch.randint(0, 2, (8,)), torch.randint(0, 2, (8,))
    opt_domain.zero_grad()
    entropy(domain(features(x).detach()), d).backward()
    opt_domain.step()
    opt_task.zero_grad()
    (entropy(label(features(x)), y) - 0.1 * entropy(domain(features(x)), d)).backward()
    opt_task.step()

# mypy: ignore-errors
