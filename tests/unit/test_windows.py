"""What the events of a window come to: applied, thrown away, clipped."""

from __future__ import annotations

import pytest

from gradtui.check.windows import Account, Event, account
from tests.unit.made_windows import (
    PART,
    SCALER,
    SKIP,
    UNSCALE,
    WRITTEN,
    at,
    backward,
    clear,
    cleared_by_hand,
    clip,
    other_step,
)


def _lines(result: Account) -> list[int]:
    return [deposit.event.place.line for deposit in result.applied if deposit.event.place]


def test_nothing_happens_in_an_empty_window() -> None:
    assert account([]) == Account()


def test_a_step_applies_what_was_added_since_the_last_clearing() -> None:
    result = account([clear(), backward(20), backward(21)])
    assert _lines(result) == [20, 21]
    assert (result.thrown, result.regular, result.certain) == ([], [at(10)], True)


def test_what_is_cleared_before_the_step_is_thrown_away() -> None:
    result = account([clear(), backward(20), backward(21), clear(30), backward(22)])
    assert _lines(result) == [22]
    (clearing,) = result.thrown
    assert (clearing.place, [each.event.site for each in clearing.deposits], clearing.clipped) == (at(30), [20, 21], False)
    assert result.regular == [at(10)]


def test_a_clearing_by_hand_counts_though_its_line_is_not_known() -> None:
    (clearing,) = account([backward(), cleared_by_hand(), backward()]).thrown
    assert clearing.place is None


def test_gradients_given_up_on_purpose_are_neither_applied_nor_thrown_away() -> None:
    result = account([backward(), clip(), SKIP, clear(), backward(21)])
    assert _lines(result) == [21]
    assert (result.thrown, result.clippings, result.regular) == ([], [], [at(10)])


@pytest.mark.parametrize("event", [WRITTEN, PART])
def test_what_is_written_unseen_makes_the_rest_uncertain(event: Event) -> None:
    assert not account([clear(), backward(), event]).certain
    result = account([backward(), event, clear(), backward(21)])
    assert (result.certain, result.thrown, result.regular, _lines(result)) == (
        True,
        [],
        [],
        [21],
    )  # certain again once all is cleared


def test_steps_of_other_optimizers_are_kept_with_what_was_there_before_them() -> None:
    step = other_step(1)
    first, second = account([backward(20), step, backward(21)]).applied
    assert (first.steps, second.steps) == ((step,), ())


# Clipping


def test_a_clipping_counts_what_came_before_and_after_it() -> None:
    (call,) = account([clear(), backward(), backward(), clip(), backward()]).clippings
    assert (call.place, call.before, call.after, call.used, call.scaled) == (at(40), 2, 1, True, False)


def test_clipped_gradients_that_are_cleared_were_not_used() -> None:
    result = account([backward(), clip(), clear(), backward()])
    (call,) = result.clippings
    assert (call.before, call.after, call.used) == (1, 0, False)
    assert result.thrown[0].clipped


def test_only_what_was_clipped_itself_is_thrown_away_clipped() -> None:
    result = account([backward(), clip(), clear(), backward(), clear(), backward()])
    assert [clearing.clipped for clearing in result.thrown] == [True, False]


def test_clipping_is_scaled_only_before_unscale_and_only_with_a_scaler() -> None:
    def scaled(*events: Event) -> list[bool]:
        return [call.scaled for call in account(events).clippings]

    assert scaled(backward(), clip(), SCALER) == [True]
    assert scaled(backward(), UNSCALE, clip(), SCALER) == [False]
    assert scaled(backward(), clip()) == [False]
    assert scaled(backward(), clip(), clear(), backward(), SCALER) == [False]  # cleared, so the step does not see it


def test_what_another_step_may_have_used_is_no_clipping_of_this_one() -> None:
    assert account([backward(), clip(), other_step(1), backward(21)]).clippings == []
    (call,) = account([clip(nothing=True), other_step(1), backward()]).clippings
    assert (call.before, call.used) == (0, True)
