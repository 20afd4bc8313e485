"""What the watcher holds in the script's process keeps nothing alive and blocks nothing."""

from __future__ import annotations

import pytest

from tests.check.forks import Forks

SWAPS = """\
import torch
from torch import nn
torch.__future__.set_swap_module_params_on_conversion(True)
model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
def train(steps, clear, dtype):
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        model(torch.ones(1, 2, dtype=dtype)).sum().backward()
        optimizer.step()
train(BEFORE, True, torch.float32)
model.double()
assert BEFORE == 0 or all(each.grad.dtype is torch.float64 for each in model.parameters())
train(AFTER, CLEARS, torch.float64)
"""


@pytest.mark.parametrize("before", [0, 1, 3, 60])
def test_watched_parameters_and_gradients_can_be_swapped(forks: Forks, before: int) -> None:
    for clears, verdict in ((True, "clean"), (False, "stale gradients")):
        source = SWAPS.replace("BEFORE", str(before)).replace("AFTER", "9").replace("CLEARS", str(clears))
        run = forks.check(source)
        assert run.report["verdict"] == verdict, run.err
        assert run.report["steps"] == before + 9
        assert run.report["script_exit_code"] == 0, run.err
        assert [each["kind"] for each in run.report["findings"]] == ([verdict] if not clears else [])


LOCALS = """\
import gc, weakref
import torch
from torch import nn
class Big:
    pass
def train():
    own = locals() if KEEPS else None
    big, model = Big(), nn.Linear(2, 1)
    cell = Big()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    def step():
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        return cell
    for _ in range(STEPS):
        step()
    if KEEPS:
        assert own["own"] is None or own["big"] is big
        return
    optimizer.zero_grad()
    dies = [weakref.ref(each) for each in (big, model, optimizer, cell)]
    del big, model, optimizer
    cell = None
    gc.collect()
    assert [each() for each in dies] == [None] * 4
train()
"""


@pytest.mark.parametrize("steps", [1, 5, 60])
def test_locals_of_a_function_that_steps_die_when_they_are_deleted(forks: Forks, steps: int) -> None:
    run = forks.check(LOCALS.replace("STEPS", str(steps)).replace("KEEPS", "False"))
    assert (run.code, run.err) == (0, "")


def test_locals_that_the_function_itself_keeps_are_let_be(forks: Forks) -> None:
    run = forks.check(LOCALS.replace("STEPS", "5").replace("KEEPS", "True"))
    assert (run.code, run.err) == (0, "")


COMPILED = """\
import torch
from torch import nn
model = nn.Linear(3, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
@torch.compile(backend="eager", fullgraph=True)
def clip():
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
@torch.compile(backend="eager", fullgraph=True)
def clear():
    model.zero_grad()
for _ in range(6):
    clear()
    model(torch.ones(4, 3)).sum().backward()
    clip()
    optimizer.step()
"""


@pytest.mark.slow
def test_what_is_compiled_as_one_graph_stays_one_graph(forks: Forks) -> None:
    run = forks.check(COMPILED)
    assert (run.report["script_exit_code"], run.report["verdict"]) == (0, "clean"), run.err
