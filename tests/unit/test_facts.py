"""What one process saw, as it goes to the rank that reports."""

from __future__ import annotations

import dataclasses
import json

import pytest

from gradtui.check.facts import Facts, IdleOptimizer, OptimizerFacts
from gradtui.check.source_lines import Place
from gradtui.check.windows import BACKWARD, CLEAR, Event, Window

PLACE = Place("/a/train.py", 7)
EVENT = Event(BACKWARD, PLACE, Place("/a/train.py", 12), site=-5, also=(1,), everywhere=False, evaluating=True)
OPTIMIZER = OptimizerFacts(
    class_name="SGD",
    steps=20,
    parameters=["w", "w"],
    group_sizes=[1, 1],
    stale_steps=3,
    first_stale=2,
    stale_parameters=[1],
    unchanged_steps=1,
    piled_steps=4,
    wiped_steps=5,
    empty_steps=[6],
    not_watched=["b: no values"],
    no_gradient=["w"],
    backwards_per_step={1: 19, 4: 1},
    cleared_at=[PLACE],
    wiped_at=[Place("/a/train.py", 8)],
    backward_at=[Place("/a/train.py", 9)],
    stepped_at=[Place("/a/train.py", 10)],
    not_finite_steps=2,
    first_not_finite=11,
    last_not_finite=12,
    not_finite_unseen=1,
    not_finite_value="nan",
    not_finite_at=Place("/a/train.py", 11),
    variable="opt",
    windows=[Window((Event(CLEAR), EVENT), 19, 1, 20)],
    last_window=[EVENT],
    frozen_changed=["w"],
    scheduler_steps=21,
    closure=True,
    library_at=Place("/lib/trainer.py", 3),
    follows=1,
)
FACTS = Facts(
    optimizers=[OPTIMIZER, dataclasses.replace(OPTIMIZER, not_finite_at=None, steps=2)],
    orphans=[("Net", "head.weight")],
    backward_elsewhere=True,
    not_watched=["losses"],
    idle_optimizers=["Adam"],
    asked_for_help=True,
    started_others=True,
    torch_imported=True,
    script_code=3,
    ended_early=True,
    rank=1,
    scaler="scaler",
    never_stepped=[IdleOptimizer("Adam", "opt_d", PLACE, 30), IdleOptimizer("Adam", "", None, 1)],
    leaf_losses=4,
    leaf_loss_at=PLACE,
    empty_clips=5,
    empty_clip_at=PLACE,
)


def test_these_facts_leave_no_field_at_its_default() -> None:
    for seen, defaults in ((FACTS, Facts()), (OPTIMIZER, OptimizerFacts("", 0, [], [])), (EVENT, Event(""))):
        same = [field.name for field in dataclasses.fields(seen) if getattr(seen, field.name) == getattr(defaults, field.name)]
        assert same == []


def test_facts_are_the_same_after_a_way_through_json() -> None:
    back = Facts.from_json(FACTS.to_json())
    assert back == FACTS
    assert isinstance(back.optimizers[0].cleared_at[0], Place)
    assert isinstance(back.optimizers[0].windows[0].events[1].outer, Place)
    assert isinstance(back.never_stepped[0].place, Place)
    assert Facts.from_json(Facts().to_json()) == Facts()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"optimizers": [{}], "orphans": []}', '{"optimizers": [], "orphans": [], "x": 1}']
)
def test_what_is_no_facts_raises_what_the_reader_expects(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Facts.from_json(text)


def test_steps_are_those_of_all_optimizers() -> None:
    assert (FACTS.steps, Facts().steps) == (22, 0)


def test_what_was_not_watched_is_gathered_from_the_optimizers_first() -> None:
    assert FACTS.all_not_watched == ["b: no values", "b: no values", "losses"]
    assert json.loads(FACTS.to_json())["not_watched"] == ["losses"]
