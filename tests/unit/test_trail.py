"""The trail of one optimizer: its windows, and what is known of which backward() reaches it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradtui.check.watch import trail as trails
from gradtui.check.watch.trail import HAND_CLEARED, LONGEST, Trail

CLEARED, GIVEN_UP, CLIPPED = 10, 11, 12
LOSS, OTHER = -20, -21


@pytest.fixture
def trail() -> Trail:
    made = Trail(1, set(), {HAND_CLEARED, CLEARED, GIVEN_UP})
    made.reached[LOSS] = {0, 1}
    return made


def _close(trail: Trail, *windows: list[int]) -> None:
    for step, codes in enumerate(windows, 1):
        trail.extend(codes)
        trail.close_window(step)


def test_windows_that_are_alike_are_counted(trail: Trail) -> None:
    _close(trail, [CLEARED, LOSS], [CLEARED, LOSS, CLIPPED], [CLEARED, LOSS])
    usual, odd = (CLEARED, LOSS), (CLEARED, LOSS, CLIPPED)
    assert trail.windows == {usual: 2, odd: 1}
    assert (trail.first, trail.last) == ({usual: 1, odd: 2}, {usual: 3, odd: 2})
    assert trail == []


def test_windows_that_were_counted_elsewhere_are_added(trail: Trail) -> None:
    trail.add((CLEARED, LOSS), 10, 12)
    trail.add((CLEARED, LOSS), 1, 20)
    assert (trail.windows[CLEARED, LOSS], trail.first[CLEARED, LOSS], trail.last[CLEARED, LOSS]) == (11, 3, 20)


def test_a_window_that_is_too_long_is_not_kept(trail: Trail) -> None:
    _close(trail, [LOSS] * (LONGEST + 1), [LOSS])
    assert trail.windows == {(LOSS,): 1}


def test_a_loop_without_a_pattern_is_given_up(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails, "MOST_WINDOWS", 2)
    _close(trail, [LOSS], [LOSS, LOSS], [LOSS])
    assert not trail.given_up
    _close(trail, [LOSS, LOSS, LOSS], [LOSS])
    assert (trail.given_up, trail.windows, trail.usual) == (True, {}, [])


def test_gradients_are_fresh_after_a_backward_that_reaches_them(trail: Trail) -> None:
    for codes, fresh in (
        ([], False),
        ([LOSS], True),
        ([OTHER], False),
        ([LOSS, CLIPPED], True),
        ([LOSS, CLEARED], False),
        ([LOSS, GIVEN_UP, OTHER], False),
        ([CLEARED, LOSS, OTHER], True),
    ):
        trail[:] = codes
        assert trail.fresh is fresh, codes


def test_backward_calls_since_the_last_clearing(trail: Trail) -> None:
    trail.extend([LOSS, CLEARED, LOSS, CLIPPED, OTHER])
    assert (trail.since_clearing(), trail.unknown()) == ([LOSS, OTHER], [OTHER])


def test_number_of_backward_calls_that_make_the_usual_gradients(trail: Trail) -> None:
    _close(trail, *3 * [[LOSS, CLEARED, LOSS, OTHER, LOSS]])
    assert trail.usual_backwards() == 2


def test_what_the_gradients_counted_tells_whether_an_unknown_backward_reaches(trail: Trail) -> None:
    trail.extend([CLEARED, LOSS, OTHER])
    trail.learn(2)
    assert (trail.reached[OTHER], trail.unknown()) == ({0, 1}, [])


def test_what_the_gradients_did_not_count_passes_by(trail: Trail) -> None:
    trail.extend([CLEARED, LOSS, OTHER])
    trail.learn(1)
    assert (trail.passed_by, trail.unknown(), OTHER in trail.reached) == ({OTHER}, [], False)
    trail.append(LOSS)
    trail.learn(2)  # nothing new to learn
    assert trail.passed_by == {OTHER}


def test_a_count_that_fits_neither_teaches_nothing(trail: Trail) -> None:
    trail.extend([LOSS, OTHER, -22])
    trail.learn(2)
    assert trail.unknown() == [OTHER, -22]


def test_what_a_zero_grad_covers() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters())
    trail = Trail(1, {id(parameter) for parameter in model.parameters()}, set())
    assert [trail.cover(each) for each in (model, optimizer, model[0], nn.Linear(1, 1))] == [2, 2, 1, 0]
    assert trail.covers[id(model[0])] == 1
