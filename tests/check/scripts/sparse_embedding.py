"""Sparse gradients."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
embedding, head = nn.Embedding(20, 4, sparse=True), nn.Linear(4, 1)
sparse = torch.optim.SparseAdam(list(embedding.parameters()), lr=1e-3)
dense = torch.optim.Adam(head.parameters(), lr=1e-3)
for _ in range(STEPS):
    words, targets = torch.randint(0, 20, (8,)), torch.randn(8, 1)
    sparse.zero_grad()  # clears
    dense.zero_grad()  # clears
    nn.functional.mse_loss(head(embedding(words)), targets).backward()
    sparse.step()
    dense.step()

# mypy: ignore-errors
