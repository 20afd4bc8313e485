"""Gradients of DTensors: FSDP2 adds to them itself, tensor parallelism leaves them to autograd."""

from __future__ import annotations

from tests.check.forks import Forks

HEAD = """\
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
mesh = init_device_mesh("cpu", (1,))
torch.manual_seed(0)
def model():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
def train(net, optimizer, first, between, last, backwards=1):
    for _ in range(12):
        first()
        for _ in range(backwards):
            net(torch.randn(8, 4)).pow(2).mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        between()
        optimizer.step()
        last()
def nothing():
    pass
"""
FSDP2 = """\
from torch.distributed.fsdp import fully_shard
def shard():
    net = fully_shard(model(), mesh=mesh)
    return net, torch.optim.Adam(net.parameters(), lr=1e-3)
"""
LOOPS = """\
net, optimizer = shard()
train(net, optimizer, nothing, nothing, nothing)
net, optimizer = shard()
train(net, optimizer, nothing, nothing, optimizer.zero_grad)
net, optimizer = shard()
train(net, optimizer, nothing, optimizer.zero_grad, nothing)
net, optimizer = shard()
train(net, optimizer, lambda: optimizer.zero_grad(set_to_none=False), nothing, nothing, backwards=2)
net, optimizer = shard()
train(net, optimizer, nothing, lambda: optimizer.zero_grad(set_to_none=False), nothing)
print("done")
"""
VERDICTS = ["stale gradients", "clean", "cleared before step", "clean", "cleared before step"]


def test_each_way_of_clearing_is_judged_under_fsdp2(forks: Forks) -> None:
    run = forks.check(HEAD + FSDP2 + LOOPS)
    assert "done" in run.out
    assert "Traceback" not in run.err
    optimizers = run.report["optimizers"]
    assert [each["verdict"] for each in optimizers] == VERDICTS
    assert [each["not_watched"] for each in optimizers] == [[]] * len(VERDICTS)
    assert (optimizers[0]["stale_steps"], optimizers[0]["first_stale_step"]) == (11, 2)
    assert len(optimizers[0]["stale_parameters"]) == 4
    assert [list(each["backwards_per_step"]) for each in optimizers] == [["1"], ["1"], ["1"], ["2"], ["1"]]
    assert optimizers[1]["cleared_at"] == ["script.py:18"]


def test_each_way_of_clearing_is_judged_under_tensor_parallelism(forks: Forks) -> None:
    shard = """\
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
def shard():
    net = parallelize_module(model(), mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})
    return net, torch.optim.SGD(net.parameters(), lr=1e-3)
"""
    run = forks.check(HEAD + shard + LOOPS)
    assert "done" in run.out
    optimizers = run.report["optimizers"]
    assert [each["verdict"] for each in optimizers] == VERDICTS
    assert (optimizers[0]["stale_steps"], optimizers[0]["first_stale_step"]) == (11, 2)


def test_closure_under_fsdp2_is_judged(forks: Forks) -> None:
    loop = """\
net, optimizer = shard()
def closure():
    optimizer.zero_grad()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    return loss
for _ in range(6):
    optimizer.step(closure)
print("done")
"""
    clearing = forks.check(HEAD + FSDP2 + loop)
    assert ("done" in clearing.out, clearing.report["verdict"], clearing.code) == (True, "clean", 0)
    forgetting = forks.check(HEAD + FSDP2 + loop.replace("    optimizer.zero_grad()\n", ""))
    assert ("done" in forgetting.out, forgetting.report["verdict"], forgetting.code) == (True, "stale gradients", 1)
