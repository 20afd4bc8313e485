"""Layers that are deep copies of one another, tied weights, a scheduler."""

import torch
from torch import nn

STEPS = 12
torch.manual_seed(0)
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False)
embedding, head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
head.weight = embedding.weight
parameters = {id(p): p for module in (encoder, embedding, head) for p in module.parameters()}
optimizer = torch.optim.AdamW(parameters.values(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=5)
for _ in range(STEPS):
    words = torch.randint(0, 11, (4, 6))
    optimizer.zero_grad()  # clears
    nn.functional.cross_entropy(head(encoder(embedding(words))).flatten(0, 1), words.flatten()).backward()
    optimizer.step()
    scheduler.step()

# mypy: ignore-errors
