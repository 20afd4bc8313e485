"""Nothing that the watcher does, or fails to do, breaks the script; what it could not see is said by name."""

from __future__ import annotations

import pytest

from tests.check.forks import Forks, Run

SUBCLASS = """\
import torch
from torch import nn
class Odd(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)
    def __init__(self, inner):
        pass
    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        ANSWER
class Careful(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})
    def step(self):
        for each in self.param_groups[0]["params"]:
            if type(each) is nn.Parameter and type(each.grad) is torch.Tensor:
                each.data.sub_(each.grad, alpha=0.1)
odd, plain = PARAMETER, nn.Parameter(torch.ones(3))
optimizer = Careful([odd, plain])
for _ in range(12):
    optimizer.zero_grad()
    plain.pow(2).sum().backward()
    odd.grad = Odd(torch.ones(3))
    optimizer.step()
print("done")
"""
RIGHT = """\
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()
    loss = model(torch.ones(2, 4)).pow(2).mean()
    loss.backward()
    optimizer.step()
print("done")
"""


def _goes_on(run: Run) -> None:
    assert "done" in run.out.splitlines()
    assert "Traceback" not in run.err


# Tensors whose values cannot be looked at


@pytest.mark.parametrize("parameter", ["nn.Parameter(torch.ones(3))", "Odd(torch.ones(3))"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("raise RuntimeError('no operations')", "odd (Odd): RuntimeError: no operations"),
        ("raise SystemExit(0)", "odd (Odd): SystemExit: 0"),
        ("return None", "odd (Odd): "),
        ("return 'a string'", "odd (Odd): "),
        ("return torch.ones(7, 7)", "odd (Odd): CannotLook: any() of a tensor gives Tensor"),
    ],
)
def test_subclass_that_refuses_every_operation(forks: Forks, answer: str, reason: str, parameter: str) -> None:
    source = SUBCLASS.replace("ANSWER", answer).replace("PARAMETER", parameter)
    run = forks.check(source)
    _goes_on(run)
    assert (run.code, run.report["verdict"], run.report["findings"]) == (3, "not watched", [])
    (optimizer,) = run.report["optimizers"]
    (note,) = optimizer["not_watched"]
    assert note.startswith(reason)
    assert (optimizer["steps"], optimizer["verdict"]) == (12, "not watched")
    assert [each["kind"] for each in run.report["notes"]] == ["not watched"]
    assert reason in forks.run(["script.py"], {"script.py": source}).out


def test_what_can_be_watched_beside_it_still_is(forks: Forks) -> None:
    source = SUBCLASS.replace("ANSWER", "raise RuntimeError('no')").replace("PARAMETER", "nn.Parameter(torch.ones(3))")
    run = forks.check(source.replace("optimizer.zero_grad()", "pass"))
    _goes_on(run)
    assert (run.code, run.report["verdict"]) == (1, "stale gradients")
    assert run.report["optimizers"][0]["stale_parameters"] == ["plain"]
    assert run.report["optimizers"][0]["not_watched"] == ["odd (Odd): RuntimeError: no"]


@pytest.mark.parametrize("clearing", ["optimizer.zero_grad()", "pass"])
def test_subclass_that_refuses_every_function_is_watched_all_the_same(forks: Forks, clearing: str) -> None:
    source = f"""\
import torch
from torch import nn
class Odd(nn.Parameter):
    allowed = True
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if not cls.allowed:
            raise RuntimeError(f"not now: {{func}}")
        return super().__torch_function__(func, types, args, kwargs or {{}})
class Idle(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {{}})
    def step(self):
        pass
weight = Odd(torch.ones(3))
optimizer = Idle([weight])
for _ in range(8):
    {clearing}
    loss = weight.sum()
    loss.backward()
    Odd.allowed = False
    optimizer.step()
    Odd.allowed = True
print("done")
"""
    run = forks.check(source)
    _goes_on(run)
    assert run.report["verdict"] == ("clean" if clearing != "pass" else "stale gradients")


META = RIGHT.replace("STEPS", "12").replace("4, 3)", "4, 3, device='meta')").replace("2, 4)", "2, 4, device='meta')")
FAKE = "from torch._subclasses.fake_tensor import FakeTensorMode\nFakeTensorMode().__enter__()\n" + RIGHT.replace("STEPS", "12")
FREED = """\
import torch
first, second = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3000))
class Careful(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})
    def step(self):
        pass
optimizer = Careful([first, second])
for _ in range(8):
    if second.grad is not None:
        second.grad.untyped_storage().resize_(12000)
    optimizer.zero_grad()
    (first.sum() + second.pow(2).sum()).backward()
    second.grad.untyped_storage().resize_(0)
    optimizer.step()
print("done")
"""
BATCHED = """\
import torch
class Idle(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})
    def step(self):
        pass
def several_steps(x):
    optimizer = Idle([x])
    x.grad = x * 2
    for _ in range(3):
        optimizer.step()
    return x.sum()
torch.func.vmap(several_steps)(torch.ones(2, 3))
print("done")
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (META, "meta"),
        (FAKE, "DataDependentOutputException"),
        (FREED, "second: CannotLook: its memory has been freed"),
        (BATCHED, "x: "),
    ],
)
def test_tensor_without_values_is_told_by_name(forks: Forks, source: str, reason: str) -> None:
    run = forks.check(source)
    _goes_on(run)
    assert (run.code, run.report["verdict"]) == (3, "not watched")
    assert any(reason in note["message"] for note in run.report["notes"])


def test_what_fsdp1_hides_is_not_called_clean(forks: Forks) -> None:
    """It needs a GPU; this is how it marks the parameters that it has taken over."""
    mark = "for each in model.parameters():\n    each._fsdp_flattened = True\noptimizer ="
    run = forks.check(RIGHT.replace("STEPS", "12").replace("optimizer =", mark))
    _goes_on(run)
    assert (run.code, run.report["verdict"]) == (3, "not watched")
    assert run.report["notes"][0]["message"].startswith("model.weight: FullyShardedDataParallel keeps")


def test_float8_gradients_are_watched(forks: Forks) -> None:
    source = SUBCLASS.replace("ANSWER", "pass").replace("PARAMETER", "nn.Parameter(torch.ones(3).to(torch.float8_e4m3fn))")
    source = source.replace("odd.grad = Odd(torch.ones(3))", "odd.grad = torch.ones(3).to(torch.float8_e4m3fn)")
    run = forks.check(source.replace("if type(each)", "if each is not odd and type(each)"))
    _goes_on(run)
    assert (run.code, run.report["verdict"]) == (0, "clean")


def test_modes_of_the_script_do_not_see_the_watcher(forks: Forks) -> None:
    source = """\
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
operations = []
class Operations(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        operations.append(str(func))
        return func(*args, **(kwargs or {}))
class Functions(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        operations.append(str(func))
        return func(*args, **(kwargs or {}))
with Operations(), Functions():
"""
    loop = RIGHT.replace("STEPS", "12").replace("import torch\nfrom torch import nn\n", "").replace("\n", "\n    ")
    source = "import torch\nfrom torch import nn\n" + source + "    " + loop.replace("optimizer.zero_grad()", "pass")
    source += "\nprint(len(operations), 'operations')\n"
    plain = forks.run(["script.py"], {"script.py": source}, way="python")
    watched = forks.check(source)
    assert watched.report["verdict"] == "stale gradients"
    assert plain.out.splitlines()[-1] in watched.out.splitlines()


# The watcher's own errors

SABOTAGE = {
    "watch.optimizer_log.OptimizerLog.step_begins": 12,
    "watch.optimizer_log.OptimizerLog.contribution": 12,
    "torch.backwards.Backwards.current": 12,
    "torch.backwards.Backward.__init__": 12,
    "watch.optimizer_watch.OptimizerWatch.__init__": 12,
    "watch.optimizer_watch.OptimizerWatch.before_step": 12,
    "watch.optimizer_watch.OptimizerWatch.after_step": 12,
    "watch.optimizer_watch.OptimizerWatch._go_light": 12,
    "watch.gradient_history.GradientHistory._cleared": 12,
    "watch.light_watch.LightWatch.passes": 12,
    "watch.light_watch.LightWatch.passes_fast": 100,
    "watch.light_watch.LightWatch._pauses": 100,
    "watch.light_watch.LightWatch.end": 100,
    "watch.sentinel.Sentinel._look": 100,
    "torch.parameters.Parameters._named": 12,
    "torch.parameters.Unclaimed.__init__": 12,
    "watch.fast_path.FastPath.since_not_finite": 100,
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_error_of_the_watcher_ends_the_watching_and_not_the_script(forks: Forks, name: str) -> None:
    module, owner, method = name.rsplit(".", 2)
    head = "import importlib, torch\ndef broken(*args, **kwargs):\n    raise ZeroDivisionError('of the watcher')\n"
    head += f"setattr(importlib.import_module('gradtui.check.{module}').{owner}, '{method}', broken)\n"
    way = "sampling" if SABOTAGE[name] == 100 else "lightly"
    run = forks.check(head + RIGHT.replace("STEPS", str(SABOTAGE[name])), way=way)
    _goes_on(run)
    assert run.err == ""
    assert (run.code, run.report["verdict"], run.report["findings"]) == (3, "not watched", [])
    assert all("ZeroDivisionError: of the watcher" in note["message"] for note in run.report["notes"])


def test_error_does_not_keep_the_script_from_being_ended_after_so_many_steps(forks: Forks) -> None:
    head = "import gradtui.check.watch.optimizer_watch as watch, torch\ndef broken(*args):\n    raise ZeroDivisionError\n"
    head += "watch.OptimizerWatch.after_step = broken\n"
    run = forks.check(head + RIGHT.replace("STEPS", "10**9"), "--steps", "20")
    assert (run.code, run.report["steps"], run.report["ended_early"]) == (3, 20, True)


def test_error_while_the_report_is_made_is_one_line(forks: Forks) -> None:
    head = "import gradtui.check.report as report\ndef broken(*args):\n    raise ZeroDivisionError('of the report')\n"
    head += "report.Report.as_json = report.Report.as_text = broken\n"
    run = forks.check(head + RIGHT.replace("STEPS", "5"))
    _goes_on(run)
    assert run.code == 3
    assert run.err == "gradtui check: no report, as it cannot be made (ZeroDivisionError: of the report)\n"
    assert forks.check(head + RIGHT.replace("STEPS", "5") + "raise SystemExit(7)\n").code == 7


def test_script_may_remove_its_working_directory(forks: Forks) -> None:
    source = "import os, tempfile\nfolder = tempfile.mkdtemp()\nos.chdir(folder)\nos.rmdir(folder)\n"
    run = forks.check(source + RIGHT.replace("STEPS", "5"))
    assert (run.code, run.report["verdict"], run.err) == (0, "clean", "")


def test_torch_that_the_watcher_cannot_use_is_imported_all_the_same(forks: Forks) -> None:
    head = "import sys\nfor name in [name for name in sys.modules if name.split('.')[0] == 'torch']: del sys.modules[name]\n"
    files = {"script.py": head + "import torch\nprint(torch.mine)\n", "torch.py": "mine = 1\n"}
    run = forks.run(["--json", "script.py"], files)
    assert run.out.splitlines()[0] == "1"
    assert run.code == 3


# What is not the watcher's own


def test_error_of_a_signal_handler_reaches_the_script(forks: Forks) -> None:
    """It comes while a hook runs."""
    head = """\
import signal
def late(*args):
    raise TimeoutError("late")
signal.signal(signal.SIGALRM, late)
"""
    source = head + SUBCLASS.replace("ANSWER", "signal.raise_signal(signal.SIGALRM)").replace(
        "PARAMETER", "nn.Parameter(torch.ones(3))"
    )
    run = forks.check(source.replace("print", "never"))
    assert run.code == 1
    assert run.err.splitlines()[-1] == "TimeoutError: late"


def test_class_of_a_variable_is_not_asked_for(forks: Forks) -> None:
    head = "class Proxy:\n    @property\n    def __class__(self):\n        raise RuntimeError('no context')\nproxy = Proxy()\n"
    run = forks.check(head + RIGHT.replace("STEPS", "5"))
    assert (run.code, run.report["verdict"]) == (0, "clean")


@pytest.mark.slow
def test_compiled_step_does_not_compile_the_watcher(forks: Forks) -> None:
    compiled = RIGHT.replace("STEPS", "40").replace("for _", "step = torch.compile(optimizer.step, backend='eager')\nfor _")
    run = forks.check(compiled.replace("    optimizer.step()", "    step()"))
    _goes_on(run)
    assert (run.code, run.report["verdict"]) == (0, "clean")
    assert "gradtui" not in run.err
    assert "sys._getframe" not in run.err


def test_exit_that_a_trace_function_raises_reaches_the_script(forks: Forks) -> None:
    """Recipes for threads that can be ended do that; it comes while a hook runs."""
    head = """\
import sys
def trace(frame, event, argument):
    if frame.f_code.co_name == "judge":
        raise SystemExit(5)
    return trace
sys.settrace(trace)
"""
    assert forks.check(head + RIGHT.replace("STEPS", "5")).code == 5


def test_global_hooks_that_the_script_removes_are_told(forks: Forks) -> None:
    end = "import torch.optim.optimizer as module\nmodule._global_optimizer_pre_hooks.clear()\n"
    run = forks.check(RIGHT.replace("STEPS", "5") + end)
    _goes_on(run)
    assert (run.code, run.report["verdict"]) == (3, "not watched")
