"""Steps of several optimizers on the same parameters: one inside the other, or in threads."""

from __future__ import annotations

from tests.check.forks import Forks

HEAD = """\
import threading
import torch
from torch import nn
net = nn.Linear(3, 1)
def loss():
    return net(torch.ones(8, 3)).pow(2).mean()
"""
ONE_NESTED = (
    HEAD
    + """\
outer, inner = (torch.optim.SGD(net.parameters(), lr=0.01) for _ in range(2))
def closure():
    outer.zero_grad()
    value = loss()
    value.backward()
    inner.step()
    return value
outer.step(closure)
for _ in range(20):
    loss().backward()
    outer.step()
"""
)
OVERLAPPING = (
    HEAD
    + """\
def wait(*_):
    begun.set()
    others_done.wait(60)
begun, others_done = threading.Event(), threading.Event()
loss().backward()
slow, other = (torch.optim.SGD(net.parameters(), lr=0.01) for _ in range(2))
slow.register_step_pre_hook(wait)
thread = threading.Thread(target=slow.step)
thread.start()
begun.wait(60)
for _ in range(5):
    loss().backward()
    other.step()
others_done.set()
thread.join()
"""
)


def test_optimizer_with_another_in_one_of_its_steps_is_judged(forks: Forks) -> None:
    report = forks.check(ONE_NESTED).report
    first = report["optimizers"][0]
    assert (first["steps"], first["verdict"]) == (21, "stale gradients")


WRAPPING = (
    HEAD
    + """\
class Wrapper(torch.optim.Optimizer):
    def __init__(self, parameters):
        super().__init__(parameters, {})
        self.inner = torch.optim.SGD(self.param_groups, lr=0.01)
    def step(self):
        self.inner.step()
optimizer = Wrapper(net.parameters())
for _ in range(20):
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()
"""
)


def test_steps_of_a_wrapped_optimizer_are_counted_once(forks: Forks) -> None:
    report = forks.check(WRAPPING).report
    (inner,) = report["optimizers"]
    assert (inner["class"], inner["steps"], report["steps"], report["verdict"]) == ("SGD", 20, 20, "clean")


def test_steps_of_another_thread_are_not_inside_this_ones(forks: Forks) -> None:
    report = forks.check(OVERLAPPING).report
    assert report["verdict"] == "stale gradients"
    assert sorted(each["steps"] for each in report["optimizers"]) == [1, 5]
