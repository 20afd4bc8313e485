"""After a ``gradtui.watch()`` nothing of it is left: no hook, no reference."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.check.forks import Forks
from tests.check.test_watch import run

STATE = """
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers
def state():
    everywhere = [dict(getattr(place, name)) for place in (modules, optimizers) for name in sorted(vars(place))
                  if name.startswith("_global") and isinstance(getattr(place, name), dict)]
    hooks = [(each._backward_hooks, each._post_accumulate_grad_hooks) for each in everything]
    on_optimizer = [dict(getattr(optimizer, name)) for name in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")]
    return everywhere, hooks, on_optimizer, torch.utils.swap_tensors, sys.getprofile(), sys.gettrace(), list(sys.meta_path)
spare = nn.Linear(2, 2)
everything = [*model.parameters(), *spare.parameters()]
"""
LOOPS = {
    "clean": "train(60)",
    "short": "train(1)",
    "stale": "train(5, clears=False)",
    "no step": "model(torch.ones(2, 3)).sum().backward()",
    "in place": "optimizer.zero_grad(set_to_none=False); train(2, False); optimizer.zero_grad(set_to_none=False)",
    "closure": "optimizer.step(lambda: model(torch.ones(2, 3)).sum().backward())",
    "unused": "spare(torch.ones(1, 2)).sum().backward()",
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_no_hook_stays_behind(forks: Forks, loop: str) -> None:
    source = f"{STATE}before = state()\nwith gradtui.watch(quiet=True) as w:\n    assert state() != before\n    {loop}\n"
    run(forks, source + "after = state()\nassert after == before, (before, after)\n")


def test_no_hook_stays_behind_watches_that_overlap(forks: Forks) -> None:
    source = """
before = state()
one, other = gradtui.watch(quiet=True), gradtui.watch(quiet=True)
one.start()
train(5)
other.start()
train(60)
one.stop()
train(5, clears=False)
other.stop()
assert state() == before
assert (one.verdict, other.verdict) == ("clean", "stale gradients")
"""
    run(forks, STATE + source)


def test_no_profile_hook_stays_in_another_thread(forks: Forks) -> None:
    source = """
def work():
    for _ in range(2):
        optimizer.zero_grad(set_to_none=False)
        model(torch.ones(2, 3)).pow(2).sum().backward()
        optimizer.step()
    profiled.append(sys.getprofile() is not None)
    trained.set()
    ended.wait(30)
    profiled.append(sys.getprofile() is not None)
trained, ended, profiled = threading.Event(), threading.Event(), []
thread = threading.Thread(target=work)
with gradtui.watch(quiet=True) as w:
    thread.start()
    trained.wait(30)
ended.set()
thread.join()
assert profiled == [True, False], profiled
"""
    run(forks, source)


NO_FINDER = """
import sys, torch, gradtui
assert "torch._dynamo.trace_rules" not in sys.modules
before = list(sys.meta_path)
with gradtui.watch(quiet=True):
    assert sys.meta_path != before
assert sys.meta_path == before
"""


@pytest.mark.slow
def test_no_import_hook_stays_behind() -> None:
    done = subprocess.run([sys.executable, "-c", NO_FINDER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("loop", [LOOPS[name] for name in ("clean", "short", "stale", "no step")])
def test_ended_watch_keeps_no_model_alive(forks: Forks, loop: str) -> None:
    source = f"""
with gradtui.watch(quiet=True) as w:
    {loop}
optimizer.zero_grad()
dies = [weakref.ref(each) for each in (model, optimizer, *model.parameters())]
del model, optimizer
gc.collect()
assert [each() for each in dies] == [None] * len(dies), [gc.get_referrers(each()) for each in dies]
w.report()
"""
    run(forks, source)


def test_model_may_die_during_the_watch(forks: Forks) -> None:
    source = """
with gradtui.watch(quiet=True) as w:
    train(60)
    dies = [weakref.ref(each) for each in (model, optimizer)]
    optimizer.zero_grad()
    del model, optimizer
    gc.collect()
    assert [each() for each in dies] == [None, None]
    model, optimizer = made()
    train(5)
assert (w.verdict, "65 optimizer steps" in w.report()) == ("clean", True)
"""
    run(forks, source)


def test_ended_watch_dies_while_the_optimizer_lives(forks: Forks) -> None:
    source = """
from gradtui.check.watch.watcher import Watcher
for _ in range(3):
    with gradtui.watch(quiet=True) as w:
        train(60)
gc.collect()
assert not [each for each in gc.get_objects() if type(each) is Watcher]
"""
    run(forks, source)
