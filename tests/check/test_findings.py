"""What else a report tells: each finding on the shortest script that earns it, and the loops that do not earn it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.check.forks import Forks

HEAD = """\
import torch
from torch import nn
torch.manual_seed(0)
inputs, targets = torch.randn(8, 4), torch.randn(8, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_fn = nn.MSELoss()
"""
LOOP = """\
for step in range(8):
    optimizer.zero_grad()
    loss_fn(model(inputs), targets).backward()
    optimizer.step()
"""


def _only_finding(forks: Forks, source: str) -> dict[str, Any]:
    run = forks.check(source)
    assert run.code == 1
    (finding,) = run.report["findings"]
    assert run.report["verdict"] == finding["kind"]
    return dict(finding)


def _assert_clean(forks: Forks, source: str) -> None:
    run = forks.check(source)
    assert (run.report["findings"], run.report["verdict"], run.code) == ([], "clean", 0)


@pytest.mark.parametrize(
    "clearing",
    [
        "optimizer.zero_grad()",
        "optimizer.zero_grad(set_to_none=False)",
        "for p in model.parameters(): p.grad = None",
        "for p in model.parameters(): p.grad.zero_()",
        "model.zero_grad()",
    ],
)
def test_gradients_cleared_between_backward_and_step(forks: Forks, clearing: str) -> None:
    loop = ["for step in range(8):", "    loss_fn(model(inputs), targets).backward()", "    CLEARING", "    optimizer.step()"]
    source = HEAD + "\n".join(loop).replace("CLEARING", clearing)
    finding = _only_finding(forks, source)
    assert finding["kind"] == "cleared before step"
    assert finding["message"].startswith("the gradients were cleared between backward() and step() in")
    assert finding["message"].endswith(" of its steps: nothing is learned")
    if "None" in clearing or clearing.endswith("zero_grad()"):
        assert finding["where"] == "script.py:10"


def test_parameters_that_get_gradients_but_belong_to_no_optimizer(forks: Forks) -> None:
    source = HEAD.replace("model.parameters()", "model[0].parameters()") + LOOP
    finding = _only_finding(forks, source.replace("optimizer.zero_grad()", "model.zero_grad()"))
    assert finding["kind"] == "parameters in no optimizer"
    assert finding["message"] == "2 parameters of Sequential get gradients but belong to no optimizer: 2.weight, 2.bias"


def test_parameters_that_never_get_a_gradient(forks: Forks) -> None:
    source = HEAD + "spare = nn.Linear(3, 3)\noptimizer.add_param_group({'params': spare.parameters()})\n" + LOOP
    finding = _only_finding(forks, source)
    assert finding["kind"] == "parameters without a gradient"
    assert finding["message"] == (
        "2 of 6 parameters of the optimizer never got a gradient in 8 steps: spare.weight, spare.bias"
    )


def test_frozen_parameters_need_no_gradient(forks: Forks) -> None:
    _assert_clean(forks, HEAD + "model[0].requires_grad_(False)\n" + LOOP)


def test_frozen_model_that_a_loss_goes_through_needs_no_optimizer(forks: Forks) -> None:
    source = HEAD.replace("model.parameters()", "model[0].parameters()") + "model[2].requires_grad_(False)\n" + LOOP
    _assert_clean(forks, source)


def test_step_without_backward(forks: Forks) -> None:
    finding = _only_finding(forks, HEAD + LOOP.replace(".backward()", "").replace("for step", "loss_fn\nfor step"))
    assert finding["kind"] == "step without backward"
    assert finding["message"] == "step() was called without a backward() since the one before in each of its steps"
    assert finding["where"] == "script.py:12"


def test_second_step_for_one_backward_applies_the_same_gradients_twice(forks: Forks) -> None:
    run = forks.check(HEAD + LOOP + "    optimizer.step()\n")
    assert run.code == 1
    assert {finding["kind"] for finding in run.report["findings"]} == {"stale gradients", "step without backward"}
    assert run.report["optimizers"][0]["stale_steps"] == 8
    assert run.report["optimizers"][0]["steps"] == 16


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("first", [1, 5, 70, 199, 200])
def test_loss_not_finite_from_a_step_on(forks: Forks, value: str, first: int) -> None:
    """Long after the first steps nobody looks at each loss; the first one is told all the same."""
    loss = f"loss_fn(model(inputs), targets) * (1 if step + 1 < {first} else float('{value}'))"
    loop = LOOP.replace("range(8)", "range(200)").replace("loss_fn(model(inputs), targets)", f"({loss})")
    finding = _only_finding(forks, HEAD + loop)
    assert finding["kind"] == "loss not finite"
    assert f" from step {first} on, in each step to the end" in finding["message"] or first == 200
    assert f" step {first}" in finding["message"]
    assert finding["where"] == "script.py:10"


@pytest.mark.parametrize("lr", [1.0, 2.0, 30.0])
def test_diverging_loop_is_told_from_which_step(forks: Forks, lr: float) -> None:
    source = HEAD.replace("lr=0.01", f"lr={lr}").replace("nn.ReLU(), ", "") + LOOP.replace("range(8)", "range(200)")
    source = source.replace(
        "    loss_fn(model(inputs), targets).", "    loss = loss_fn(model(inputs), targets)\n    print(loss.item())\n    loss."
    )
    run = forks.check(source)
    printed = [float(line) for line in run.out.splitlines()[:200]]
    first = next(step for step, loss in enumerate(printed, start=1) if not math.isfinite(loss))
    assert run.report["optimizers"][0]["loss_not_finite_from_step"] == first


def test_several_findings_at_once_and_the_gravest_is_the_verdict(forks: Forks) -> None:
    source = HEAD.replace("model.parameters()", "model[0].parameters()") + LOOP.replace("    optimizer.zero_grad()\n", "")
    run = forks.check(source)
    assert run.report["verdict"] == "stale gradients"
    assert [finding["kind"] for finding in run.report["findings"]] == ["stale gradients", "parameters in no optimizer"]


def test_autograd_grad_is_no_backward(forks: Forks) -> None:
    loop = LOOP + "    torch.autograd.grad(loss_fn(model(inputs), targets), list(model.parameters()))\n"
    run = forks.check(HEAD + loop, way="closely")
    assert run.report["optimizers"][0]["backwards_per_step"] == {"1": 8}


@pytest.mark.parametrize(
    "clearing",
    [
        "optimizer.zero_grad()",
        "optimizer.zero_grad(set_to_none=False)",
        "model.zero_grad()",
        "for p in model.parameters(): p.grad = None",
        "for p in model.parameters(): p.grad.zero_()",
        "torch._foreach_zero_([p.grad for p in model.parameters()])",
    ],
)
def test_line_that_clears_is_told(forks: Forks, clearing: str) -> None:
    loop = "for step in range(8):\n    loss_fn(model(inputs), targets).backward()\n    optimizer.step()\n    " + clearing
    assert forks.check(HEAD + loop).report["optimizers"][0]["cleared_at"] == ["script.py:11"]


@pytest.mark.parametrize("way", ["closely", "lightly", "sampling"])
def test_one_step_without_backward_among_many_is_told(forks: Forks, way: str) -> None:
    """The gradient is still there, and nothing has been added to it."""
    loop = LOOP.replace("range(8)", "range(100)") + "    if step == 70:\n        optimizer.step()\n"
    report = forks.check(HEAD + loop, way=way).report
    assert {finding["kind"] for finding in report["findings"]} == {"stale gradients", "step without backward"}
    assert (report["optimizers"][0]["stale_steps"], report["optimizers"][0]["first_stale_step"]) == (1, 72)


@pytest.mark.parametrize("way", ["closely", "lightly", "sampling"])
def test_one_step_without_clearing_among_many_is_told(forks: Forks, way: str) -> None:
    loop = LOOP.replace("range(8)", "range(100)").replace("    optimizer.zero", "    if step != 70:\n        optimizer.zero")
    (finding,) = forks.check(HEAD + loop, way=way).report["findings"]
    assert finding["message"].startswith("step 71 applied gradients that an earlier step had already applied")
