"""The losses that were not finite, without those whose gradients were given up."""

from __future__ import annotations

import math

from gradtui.check.source_lines import Place
from gradtui.check.watch.odd_losses import OddLosses

LINE, OTHER = Place("train.py", 7), Place("train.py", 8)


def _of(*seen: tuple[float, int, int, Place]) -> OddLosses:
    losses = OddLosses()
    for value, step, number, place in seen:
        losses.note(value, step, number, place)
    return losses


def test_finite_losses_are_not_kept() -> None:
    losses = _of((1.0, 1, 1, LINE), (-1e30, 2, 2, LINE))
    assert not losses
    assert (losses.steps, losses.first, losses.last, losses.value, losses.place) == (0, 0, 0, "", None)


def test_the_first_and_the_last_step_and_the_first_loss_are_told() -> None:
    losses = _of((math.inf, 9, 9, OTHER), (math.nan, 3, 3, LINE), (1.0, 4, 4, LINE))
    assert losses
    assert (losses.steps, losses.first, losses.last, losses.value, losses.place) == (2, 3, 9, "nan", LINE)


def test_two_losses_of_a_step_count_as_one_step() -> None:
    losses = _of((math.nan, 3, 3, LINE), (math.inf, 3, 4, OTHER))
    assert (losses.steps, losses.value, losses.place) == (1, "nan", LINE)


def test_a_loss_whose_gradients_are_given_up_does_not_count() -> None:
    losses = _of((math.nan, 3, 5, LINE), (math.inf, 3, 6, OTHER))
    losses.give_up(4, 5)
    assert (losses.steps, losses.value, losses.place) == (1, "inf", OTHER)
    losses.give_up(5, 6)
    assert not losses


def test_the_ends_of_what_is_given_up() -> None:
    losses = _of((math.nan, 1, 4, LINE), (math.nan, 2, 7, LINE))
    losses.give_up(4, 6)
    assert losses.steps == 2


def test_a_loss_that_is_read_after_its_gradients_were_given_up_does_not_count() -> None:
    losses = OddLosses()
    losses.give_up(4, 6)
    for number in (5, 6):
        losses.note(math.nan, number, number, LINE)
    assert not losses
    for number in (4, 7):
        losses.note(math.nan, number, number, LINE)
    assert losses.steps == 2


def test_unseen_losses_count_where_the_steps_gradients_are_not_finite() -> None:
    losses = _of((math.inf, 5, 5, LINE))
    losses.note_unseen(range(4, 7), OTHER)
    assert (losses.steps, losses.first, losses.value, losses.place) == (3, 4, "not finite", OTHER)
    losses.give_up(4, 5)
    assert losses.steps == 2  # what was not seen has no number, so nothing gives it up
