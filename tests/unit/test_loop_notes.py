"""What is worth a note, and what is not."""

from __future__ import annotations

from typing import Any

from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.loop_notes import Note, notes
from tests.unit.made_windows import WRITTEN, at, backward, clear, clip, facts, optimizer

USUAL = [clear(), backward()]


def _notes(*optimizers: OptimizerFacts, **more: Any) -> list[Note]:
    return notes(facts(*optimizers, **more))


def test_nothing_is_said_of_a_plain_loop() -> None:
    assert _notes(optimizer((20, USUAL))) == []
    assert notes(Facts()) == []


def test_windows_of_different_sizes() -> None:
    assert _notes(optimizer((16, [clear(), *4 * [backward()]]), (8, [clear(), *2 * [backward()]]))) == [
        Note(
            "windows of different sizes",
            "opt has steps that add up different numbers of backward() calls: 16 of 4, 8 of 2",
            at(90),
        )
    ]


def test_steps_that_apply_nothing_and_other_events_make_no_other_size() -> None:
    assert _notes(optimizer((16, USUAL), (4, [clear()]), (3, [clear(), backward(), clip()]))) == []


def test_an_optimizer_without_a_name_is_told_by_its_class() -> None:
    (note,) = _notes(optimizer((16, USUAL), (8, [*USUAL, backward()]), variable=""))
    assert note.message.startswith("SGD has steps ")


def test_gradients_that_were_never_applied() -> None:
    (note,) = _notes(optimizer((16, USUAL), last_window=[clear(), backward(), backward()]))
    assert note == Note("gradients never applied", "opt never applied the gradients of the last 2 backward() calls", at(90))
    (note,) = _notes(optimizer((16, USUAL), last_window=[backward()]))
    assert note.message == "opt never applied the gradients of the last backward()"


def test_a_last_window_that_is_no_loss_of_the_steps_is_not_told() -> None:
    assert _notes(optimizer((16, USUAL), last_window=[backward(), clear()])) == []
    assert _notes(optimizer((16, USUAL), last_window=[backward(50)])) == []  # no step ever applied that line's
    assert _notes(optimizer((16, USUAL), last_window=[backward()]), ended_early=True) == []
    assert _notes(optimizer((16, USUAL), last_window=[backward()]), script_code=1) == []


def test_a_last_window_that_another_optimizer_has_applied_is_not_told() -> None:
    generator = optimizer((16, [clear(11), backward(20)]), variable="opt_g")
    assert _notes(optimizer((16, USUAL), last_window=[backward(20, also=(1,))]), generator) == []


def test_gradients_dropped_before_a_step() -> None:
    (note,) = _notes(optimizer((16, USUAL), (4, [clear(), backward(), clear(30), backward()])))
    assert note == Note(
        "gradients dropped", "opt dropped the gradients of 4 of 24 backward() calls: they were cleared before a step", at(30)
    )


def test_what_is_dropped_of_another_loss_is_not_told() -> None:
    assert _notes(optimizer((16, [backward(50), clear(), backward()]))) == []
    generator = optimizer((16, [clear(11), backward(20)]), variable="opt_g")
    assert _notes(optimizer((16, [backward(20, also=(1,)), clear(), backward(20, also=(1,))])), generator) == []


def test_a_scheduler_that_steps_more_often_than_its_optimizer() -> None:
    (note,) = _notes(optimizer((20, USUAL), scheduler_steps=81))
    message = "the learning rate scheduler of opt stepped 80 times in 20 steps of the optimizer"
    assert note == Note("scheduler steps", message, at(90))


def test_a_scheduler_that_steps_with_its_optimizer_or_less_often_is_not_told() -> None:
    for steps in (0, 1, 3, 21, 40):
        assert _notes(optimizer((20, USUAL), scheduler_steps=steps)) == []
    assert _notes(optimizer((20, USUAL), scheduler_steps=41))
    assert _notes(optimizer(scheduler_steps=41)) == []  # no steps


def test_training_in_eval_mode() -> None:
    (note,) = _notes(optimizer((20, [clear(), backward(evaluating=True)])))
    assert note == Note("trained in eval mode", "all modules were in eval mode whenever opt was trained", at(20))
    assert _notes(optimizer((20, [clear(), backward(evaluating=True)]), (1, USUAL))) == []


def _lives(count: int, steps: int) -> list[OptimizerFacts]:
    return [optimizer((steps, USUAL), follows=place - 1 if place else None) for place in range(count)]


def test_an_optimizer_that_is_made_anew() -> None:
    assert _notes(*_lives(12, 4)) == [
        Note(
            "optimizer made anew",
            "a new SGD was made for the same parameters every 4 steps, 12 in all: its state is lost each time",
            at(90),
        )
    ]
    (note,) = _notes(*_lives(3, 1))
    assert "for the same parameters for every step, 3 in all" in note.message


def test_an_optimizer_for_each_phase_is_not_told() -> None:
    assert _notes(*_lives(2, 4)) == []
    assert _notes(*_lives(5, 65)) == []
    assert len(_notes(*_lives(5, 64))) == 1
    assert _notes(*[optimizer((4, USUAL)) for _ in range(5)]) == []  # each for parameters of its own


def test_where_something_wrote_windows_are_not_told() -> None:
    assert _notes(optimizer((16, USUAL), (8, [*USUAL, WRITTEN, backward()]))) == []
