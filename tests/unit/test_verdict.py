"""What check makes of the facts: each finding, its message, its line and its fix, from facts made by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.source_lines import Place
from gradtui.check.verdict import (
    CLEAN,
    CLEARED,
    NO_BACKWARD,
    NO_GRADIENT,
    NO_OPTIMIZER,
    NOT_FINITE,
    NOT_WATCHED,
    NOTHING,
    ORDER,
    STALE,
    Finding,
    findings,
    optimizer_verdict,
    some,
    stale_parameters,
    verdict,
    why_nothing,
)

SOURCE = """\
import torch
optimizer.zero_grad()
loss.backward()
optimizer.step()
scaler.step(optimizer)
"""
ALL_FOUR = ["a", "b", "c", "d"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The place of a line of SOURCE."""
    (tmp_path / "train.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return lambda line: Place(str(tmp_path / "train.py"), line)


def optimizer(**seen: Any) -> OptimizerFacts:
    """An optimizer that has taken 20 clean steps, but for what is given."""
    return OptimizerFacts(
        **{
            "class_name": "SGD",
            "steps": 20,
            "parameters": ALL_FOUR,
            "group_sizes": [2, 2],
            "backwards_per_step": {1: 20},
            **seen,
        }
    )


def facts(*optimizers: OptimizerFacts, **seen: Any) -> Facts:
    return Facts(**{"optimizers": list(optimizers), "torch_imported": True, **seen})


def only(*optimizers: OptimizerFacts, **seen: Any) -> Finding:
    (finding,) = findings(facts(*optimizers, **seen))
    return finding


def kinds(*optimizers: OptimizerFacts, **seen: Any) -> list[str]:
    return [finding.kind for finding in findings(facts(*optimizers, **seen))]


def test_the_judge_needs_no_torch() -> None:
    code = "import sys, gradtui.check.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Verdicts


def test_a_loop_that_clears_is_clean() -> None:
    clean = facts(optimizer())
    assert findings(clean) == []
    assert (verdict([], clean), optimizer_verdict(0, [], clean)) == (CLEAN, CLEAN)


def test_without_a_step_there_is_nothing_to_judge() -> None:
    assert verdict([], facts()) == NOTHING


def test_what_was_not_watched_is_not_called_clean() -> None:
    of_one = facts(optimizer(), optimizer(not_watched=["w: meta"]))
    assert verdict([], of_one) == NOT_WATCHED
    assert [optimizer_verdict(i, [], of_one) for i in range(2)] == [CLEAN, NOT_WATCHED]
    assert verdict([], facts(optimizer(), not_watched=["losses"])) == NOT_WATCHED


def test_the_verdict_is_the_gravest_finding_and_each_optimizer_has_its_own() -> None:
    seen = facts(optimizer(not_finite_steps=1, first_not_finite=3), optimizer(stale_steps=1, first_stale=2))
    found = findings(seen)
    assert [(finding.kind, finding.optimizer) for finding in found] == [(STALE, 1), (NOT_FINITE, 0)]
    assert verdict(found, replace(seen, not_watched=["x"])) == STALE
    assert [optimizer_verdict(i, found, seen) for i in range(2)] == [NOT_FINITE, STALE]


def test_every_kind_is_found_in_the_order_of_gravity() -> None:
    seen = optimizer(
        stale_steps=1,
        wiped_steps=20,
        unchanged_steps=1,
        no_gradient=["a"],
        not_finite_steps=1,
        first_not_finite=1,
    )
    found = [STALE, CLEARED, NO_BACKWARD, NO_OPTIMIZER, NO_GRADIENT, NOT_FINITE]
    assert kinds(seen, orphans=[("Net", "w")]) == found == [kind for kind in ORDER if kind in found]


# Stale gradients


def test_stale_steps_are_counted_and_the_fix_names_the_lines(place: Any) -> None:
    seen = optimizer(
        stale_steps=19,
        first_stale=2,
        stale_parameters=[0, 1, 2, 3],
        backward_at=[place(3)],
        stepped_at=[place(4)],
    )
    assert only(seen) == Finding(
        STALE,
        "step 2 and 18 more applied gradients that an earlier step had already applied (all 4 parameters)",
        place(4),
        "call optimizer.zero_grad() once per step, before the backward() of train.py:3, or right after train.py:4",
        0,
    )


def test_one_stale_step_without_known_lines() -> None:
    finding = only(optimizer(stale_steps=1, first_stale=7, stale_parameters=[3]))
    assert finding.message == "step 7 applied gradients that an earlier step had already applied (1 of 4 parameters: d)"
    assert finding.fix == "call zero_grad() once per step before backward(), or right after the step"
    assert finding.where is None


def test_a_scalers_step_does_not_name_the_optimizer(place: Any) -> None:
    assert only(optimizer(stale_steps=1, stepped_at=[place(5)])).fix.startswith("call zero_grad() once per step")


def test_a_clearing_that_leaves_parameters_out_is_named(place: Any) -> None:
    some_stale = optimizer(stale_steps=5, stale_parameters=[0], cleared_at=[place(1)], stepped_at=[place(4)])
    assert only(some_stale).fix == "what train.py:1 clears leaves these out: call optimizer.zero_grad() there"
    itself = replace(some_stale, cleared_at=[place(2)])  # which is that call already
    assert only(itself).fix.startswith("call optimizer.zero_grad() once per step")
    all_stale = replace(some_stale, stale_parameters=[0, 1, 2, 3])
    assert only(all_stale).fix.startswith("call optimizer.zero_grad() once per step")


def test_a_closure_that_does_not_clear() -> None:
    finding = only(optimizer(stale_steps=20, first_stale=1, piled_steps=20))
    assert (
        finding.message
        == "step 1 and 19 more added, in each call of the closure, to the gradients that the call before had left"
    )
    assert finding.fix == "call zero_grad() first thing in the closure"
    later = only(optimizer(stale_steps=19, first_stale=2, piled_steps=19, stale_parameters=[0, 1, 2, 3]))
    assert "applied gradients that an earlier step" in later.message
    assert "closure" not in later.fix


def test_stale_without_any_backward_needs_both() -> None:
    found = findings(facts(optimizer(stale_steps=3, first_stale=2, unchanged_steps=3)))
    assert [finding.kind for finding in found] == [STALE, NO_BACKWARD]
    assert found[0].fix == "call backward() before each step(), and clear the gradients after each step()"
    assert found[1].message == "step() was called without a backward() since the one before in 3 of 20 steps"


@pytest.mark.parametrize(
    ("stale", "told"),
    [
        ([0, 1, 2, 3], "all 4 parameters"),
        ([2, 3], "2 of 4 parameters: group 1"),
        ([0, 2, 3], "3 of 4 parameters: group 1, a"),
        ([1], "1 of 4 parameters: b"),
    ],
)
def test_stale_parameters_are_told_as_all_as_groups_or_by_name(stale: list[int], told: str) -> None:
    assert stale_parameters(optimizer(stale_parameters=stale)) == told


def test_a_group_without_parameters_is_not_stale() -> None:
    assert stale_parameters(optimizer(group_sizes=[0, 2, 2], stale_parameters=[2, 3])) == "2 of 4 parameters: group 2"


def test_an_only_parameter_is_told_as_such() -> None:
    assert stale_parameters(optimizer(parameters=["a"], group_sizes=[1], stale_parameters=[0])) == "its only parameter"


# The other findings


@pytest.mark.parametrize(("wiped", "found"), [(9, []), (10, [CLEARED]), (20, [CLEARED])])
def test_clearing_before_the_step_counts_from_every_second_step_on(wiped: int, found: list[str]) -> None:
    assert kinds(optimizer(wiped_steps=wiped)) == found


def test_clearing_before_the_step_names_the_line_that_clears(place: Any) -> None:
    seen = optimizer(wiped_steps=20, wiped_at=[place(2)], stepped_at=[place(4)])
    assert only(seen) == Finding(
        CLEARED,
        "the gradients were cleared between backward() and step() in each of its steps: nothing is learned",
        place(2),
        "move what train.py:2 does to right after the step() of train.py:4",
        0,
    )
    assert only(replace(seen, wiped_steps=15, wiped_at=[])).where == place(4)
    assert "in 15 of 20 steps" in only(replace(seen, wiped_steps=15)).message


@pytest.mark.parametrize(
    ("empty", "found"),
    [
        ([], []),
        ([1], []),  # there is no step before the first
        ([5], []),
        ([1, 5], []),
        ([5, 20], []),  # the last one flushes a window that was complete
        ([5, 10], [NO_BACKWARD]),
        (list(range(1, 21)), [NO_BACKWARD]),
    ],
)
def test_steps_without_a_backward_count_from_one_in_ten_on(empty: list[int], found: list[str]) -> None:
    assert kinds(optimizer(empty_steps=empty)) == found


def test_the_only_step_without_a_backward_counts() -> None:
    finding = only(optimizer(steps=1, empty_steps=[1]))
    assert finding.message == "step() was called without a backward() since the one before in 1 of 1 step"
    assert finding.fix == "call backward() before each step()"


def test_an_optimizer_without_any_gradient_is_told_once() -> None:
    every_step_empty = {"empty_steps": list(range(1, 21)), "no_gradient": ALL_FOUR}
    assert kinds(optimizer(**every_step_empty)) == [NO_BACKWARD]
    # A backward() ran, but reached other parameters: the optimizer holds the wrong ones.
    assert kinds(optimizer(**every_step_empty), backward_elsewhere=True) == [NO_GRADIENT]


def test_parameters_without_a_gradient_are_named() -> None:
    finding = only(optimizer(no_gradient=["c", "d"]))
    assert finding.kind == NO_GRADIENT
    assert finding.message == "2 of 4 parameters of the optimizer never got a gradient in 20 steps: c, d"
    assert finding.fix == "hand the optimizer the parameters that the loss depends on"
    assert "all 4 parameters" in only(optimizer(no_gradient=ALL_FOUR)).message
    assert only(optimizer(parameters=["w"], steps=1, no_gradient=["w"])).message == (
        "the only parameter of the optimizer never got a gradient in 1 step: w"
    )


def test_an_optimizer_whose_steps_could_not_be_counted_has_no_finding() -> None:
    assert kinds(optimizer(steps=0, no_gradient=["c"], not_watched=["from step 1 on: an error"])) == []


def test_parameters_that_the_network_does_not_use() -> None:
    found = findings(facts(optimizer(no_gradient=ALL_FOUR), orphans=[("Net", "w")]))
    assert found[1].message.endswith("in 20 steps, the network does not use them: a, b, c, d")


def test_parameters_in_no_optimizer_are_told_by_model(place: Any) -> None:
    orphans = [("Net", "w"), ("Head", "bias"), ("Net", "b")]
    net, head = findings(facts(optimizer(stepped_at=[place(4)]), orphans=orphans))
    assert net.message == "2 parameters of Net get gradients but belong to no optimizer: w, b"
    assert head.message == "a parameter of Head gets gradients but belongs to no optimizer: bias"
    assert (net.kind, net.where, net.optimizer) == (NO_OPTIMIZER, place(4), None)
    assert net.fix.startswith("hand them to an optimizer")


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"not_finite_steps": 1, "first_not_finite": 7}, "the loss was nan in step 7, of 20"),
        ({"not_finite_steps": 14, "first_not_finite": 7}, "the loss was nan from step 7 on, in each step to the end"),
        ({"not_finite_steps": 1, "first_not_finite": 20}, "the loss was nan from step 20 on, in each step to the end"),
        (
            {"not_finite_steps": 3, "first_not_finite": 7, "last_not_finite": 12},
            "the loss was nan from step 7 on, in 3 steps, the last one 12",
        ),
        (
            {"not_finite_steps": 14, "first_not_finite": 7, "not_finite_unseen": 2},
            "the loss was nan from step 7, or from up to 2 steps before that, on, in each step to the end",
        ),
    ],
)
def test_a_loss_that_is_not_finite_is_told_with_its_steps(seen: dict[str, int], told: str) -> None:
    finding = only(optimizer(**seen, not_finite_value="nan"))
    assert (finding.kind, finding.message) == (NOT_FINITE, told)


def test_a_loss_that_is_not_finite_has_the_line_of_its_backward(place: Any) -> None:
    seen = optimizer(not_finite_steps=1, first_not_finite=7, not_finite_at=place(3), stepped_at=[place(4)])
    assert only(seen).where == place(3)
    assert only(replace(seen, not_finite_at=None)).where == place(4)


# No steps


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"script_code": 3, "asked_for_help": True}, "the script failed (exit code 3) before any optimizer stepped"),
        ({"asked_for_help": True, "torch_imported": False}, "the script was asked for help, not to train"),
        ({"torch_imported": False, "backward_elsewhere": True}, "the script did not import torch"),
        (
            {"torch_imported": False, "started_others": True},
            "the script did not import torch; the processes that it started are not watched",
        ),
        (
            {"backward_elsewhere": True, "idle_optimizers": ["SGD"]},
            "backward() ran, but no optimizer of torch.optim stepped; a step written by hand is not watched",
        ),
        ({"idle_optimizers": ["Adam", "SGD"]}, "step() of Adam, SGD was never called in this process"),
        ({}, "no optimizer of torch.optim stepped in this process"),
        (
            {"started_others": True},
            "no optimizer of torch.optim stepped in this process; the processes that it started are not watched",
        ),
    ],
)
def test_why_no_optimizer_stepped(seen: dict[str, Any], told: str) -> None:
    assert why_nothing(facts(**seen)) == told


@pytest.mark.parametrize(
    ("names", "told"), [("", ""), ("abcd", "a, b, c, d"), ("abcde", "a, b, c, d, e"), ("abcdef", "a, b, c, d and 2 more")]
)
def test_some_names_and_how_many_more(names: str, told: str) -> None:
    assert some(list(names)) == told


def test_clipping_that_gets_no_gradients_at_all(place: Any) -> None:
    seen = replace(facts(optimizer()), empty_clips=23, empty_clip_at=place(3))
    (finding,) = findings(seen)
    assert (finding.kind, finding.where, finding.optimizer) == ("clipping without effect", place(3), None)
    assert "got no gradients in 23 calls" in finding.message
    assert findings(replace(seen, empty_clips=1)) == []


def test_a_step_with_a_closure_is_mended_in_the_closure(place: Any) -> None:
    seen = optimizer(stale_steps=5, first_stale=2, stale_parameters=[0, 1, 2, 3], stepped_at=[place(4)], closure=True)
    assert only(seen).fix == "call optimizer.zero_grad() first thing in the closure"
