"""Two ranks, DistributedDataParallel, gloo. Arguments: ``view`` for gradients that are views of the buckets."""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

STEPS = 12
dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())
model = DistributedDataParallel(
    nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), gradient_as_bucket_view="view" in sys.argv
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()  # clears
    loss = nn.functional.mse_loss(model(torch.randn(16, 4)), torch.randn(16, 1))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
sys.stdout.write(f"rank {dist.get_rank()} done\n")  # in one piece: both ranks write to one pipe
dist.destroy_process_group()

# mypy: ignore-errors
