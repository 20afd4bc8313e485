"""The questions to the ledger: what each finding says, where, what to do, and what keeps an innocent loop from it."""

from __future__ import annotations

import pytest

from gradtui.check.accounts import Feeding
from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.ledger_findings import Told, clipping, mixed_losses, shared, thrown_away
from gradtui.check.windows import Event
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
    facts,
    optimizer,
    other_step,
)

USUAL = [clear(), backward()]


def _thrown(*seen: tuple[int, list[Event]], others: tuple[OptimizerFacts, ...] = (), variable: str = "opt") -> list[Told]:
    return list(thrown_away(0, facts(optimizer(*seen, variable=variable), *others)))


# Gradients thrown away

PER_MICRO_BATCH = [clear(), backward(), clear(), backward(), clear(), backward()]


def test_a_clearing_for_each_micro_batch() -> None:
    (told,) = _thrown((10, PER_MICRO_BATCH))
    assert told.message == (
        "20 of 30 backward() calls were for nothing: their gradients were cleared before any step had applied them"
    )
    assert told.where == at(10)
    assert told.fix == (
        "move opt.zero_grad() from train.py:10 to right after the step() of train.py:90, so that it runs once per step, "
        "not once per backward()"
    )


def test_a_clearing_beside_the_one_that_does_it_right_is_to_be_removed() -> None:
    (told,) = _thrown((10, [clear(95), backward(), clear(30), backward()]))
    assert (told.where, told.fix) == (at(30), "remove train.py:30: the gradients are cleared elsewhere")


def test_a_right_clearing_by_hand_has_no_line_to_keep() -> None:
    (told,) = _thrown((10, [cleared_by_hand(), backward(), clear(30), backward()]))
    assert told.fix.startswith("move opt.zero_grad() from train.py:30 ")


def test_the_line_that_clears_most_is_told() -> None:
    (told,) = _thrown((10, [backward(), clear(30), backward(), backward(), clear(31), backward()]))
    assert told.where == at(31)


def test_a_clearing_by_hand_has_no_line_so_the_step_is_told() -> None:
    (told,) = _thrown((10, [backward(), cleared_by_hand(), backward()]))
    assert (told.where, told.fix) == (
        at(90),
        "clear the gradients once per step, right after the step() of train.py:90, and nowhere else",
    )


def test_without_a_name_the_call_is_told_without_it() -> None:
    (told,) = _thrown((10, PER_MICRO_BATCH), variable="")
    assert told.fix.startswith("move zero_grad() from train.py:10 ")


def test_off_by_one_loses_all_but_the_last_of_a_window() -> None:
    assert _thrown((10, [backward(), backward(), backward(), clear(), backward()]))


def test_steps_that_lack_what_was_cleared_before_them() -> None:
    """Each epoch begins with a clearing, but the count of micro-batches goes on."""
    (told,) = _thrown((8, [clear(), *4 * [backward()]]), (4, [clear(), *2 * [backward()], clear(30), *2 * [backward()]]))
    assert told.message.startswith("8 of 48 backward() calls")
    assert told.where == at(30)


def test_dropping_what_is_left_over_is_innocent() -> None:
    assert not _thrown((8, [clear(), *4 * [backward()]]), (4, [clear(), *2 * [backward()], clear(30), *4 * [backward()]]))


def test_once_is_innocent() -> None:
    assert not _thrown((1, [*3 * [backward()], clear(), backward()]))
    assert _thrown((2, PER_MICRO_BATCH), (1, USUAL))


def test_a_few_skipped_batches_are_innocent() -> None:
    assert not _thrown((20, USUAL), (6, [clear(), backward(), clear(), backward()]))


def test_losses_that_no_step_ever_applies_are_innocent() -> None:
    """An attack, a probe of the norm: the line of their backward() is never applied."""
    assert not _thrown((10, [backward(30), clear(), backward(20)]))


def test_losses_that_are_cleared_with_one_that_no_step_applies_are_innocent() -> None:
    assert not _thrown((10, [backward(30), backward(20), clear(), backward(20)]))


def test_batches_given_up_on_purpose_are_innocent() -> None:
    assert not _thrown((10, [clear(), backward(), SKIP, clear(), backward()]))


def test_skipping_by_the_clipped_norm_is_innocent() -> None:
    assert not _thrown((10, [clear(), backward(), clip(), clear(), backward(), clip()]))


def test_gradients_that_another_optimizer_has_applied_are_innocent() -> None:
    """A GAN: the generator's loss reaches the critic, whose zero_grad() clears it away."""
    critic = (10, [clear(), backward(20), clear(), backward(20)])
    generator = optimizer((10, [clear(11), backward(20)]), variable="opt_g")
    assert _thrown(critic, others=(generator,))
    reaching = (10, [clear(), backward(20, also=(1,)), clear(), backward(20, also=(1,))])
    assert not _thrown(reaching, others=(generator,))


def test_what_another_optimizer_throws_away_as_well_is_no_excuse() -> None:
    both = (10, [clear(), backward(20, also=(1,)), clear(), backward(20, also=(1,))])
    assert _thrown(both, others=(optimizer((10, [clear(), backward(20), clear(), backward(20)]), variable="opt_b"),))


def test_where_something_wrote_to_the_gradients_nothing_is_said() -> None:
    assert not _thrown((10, PER_MICRO_BATCH), (1, [WRITTEN, *USUAL]))
    assert not _thrown((10, [backward(), clear(30), backward(), PART]))


# Steps that mix losses


def _mixed(*optimizers: OptimizerFacts) -> list[Told]:
    return list(mixed_losses(0, facts(*optimizers)))


def _gan(critics: list[Event], count: int = 20) -> tuple[OptimizerFacts, OptimizerFacts]:
    generator = optimizer((count, [clear(11), backward(20, also=(0,))]), variable="opt_g")
    return optimizer((count, critics), variable="opt_c"), generator


LEFT_OVER = [clear(), backward(20, also=(1,)), other_step(1), backward(30)]


def test_gradients_that_another_step_has_used_are_left_over() -> None:
    (told,) = _mixed(*_gan(LEFT_OVER))
    assert told.message == (
        "step 1 and 19 more also applied the gradients of another loss: those of train.py:20, "
        "which opt_g had used before, were still there"
    )
    assert (told.where, told.fix) == (at(20), "call opt_c.zero_grad() before the backward() of train.py:30")


def test_an_optimizer_without_a_name_is_told_by_its_class() -> None:
    critic, _ = _gan(LEFT_OVER)
    nameless = optimizer((20, [backward(20)]), variable="")
    (told,) = _mixed(critic, nameless)
    assert "which the SGD had used before" in told.message


@pytest.mark.parametrize(
    "critics",
    [
        pytest.param([clear(), backward(20, also=(1,)), other_step(1), clear(), backward(30)], id="cleared in between"),
        pytest.param([clear(), backward(20), other_step(1), backward(30)], id="a loss that the other does not have"),
        pytest.param([clear(), backward(20, also=(1,)), other_step(1)], id="one loss for both"),
        pytest.param([clear(), backward(20, also=(1,)), other_step(1), backward(20, also=(1,))], id="the same loss again"),
        pytest.param([clear(), backward(20, also=(1,)), backward(30), other_step(1)], id="both losses, then both steps"),
        pytest.param([clear(), backward(20, also=(1,)), other_step(2), backward(30)], id="a third optimizer's step"),
        pytest.param([clear(), backward(20, also=(1,)), other_step(1, shared=True), backward(30)], id="a shared step"),
        pytest.param([backward(20, also=(1,)), other_step(1), WRITTEN, backward(30)], id="written by hand"),
    ],
)
def test_a_gan_that_is_innocent(critics: list[Event]) -> None:
    third = optimizer((20, [backward(50)]), variable="opt_e")
    assert not _mixed(*_gan(critics), third)


def test_left_over_once_is_innocent() -> None:
    assert not _mixed(*_gan(LEFT_OVER, count=1))


def test_a_first_step_that_applies_another_loss_too() -> None:
    (told,) = _mixed(optimizer((1, [backward(15), backward()]), (20, USUAL)))
    assert told.message == "step 1 also applied the gradients of a backward(): nobody cleared them"
    assert (told.where, told.fix) == (at(15), "call opt.zero_grad() before the backward() of train.py:20")


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([(5, USUAL), (1, [clear(), backward(15), backward()]), (20, USUAL)], id="not the first step"),
        pytest.param([(2, [backward(15), backward()]), (20, USUAL)], id="two steps"),
        pytest.param([(1, [backward(), backward(15)]), (20, USUAL)], id="after the usual loss"),
        pytest.param([(1, [backward(15)]), (20, USUAL)], id="without the usual loss"),
        pytest.param([(1, [backward(15), backward()]), (20, [*USUAL, backward(21)])], id="with half of the usual losses"),
        pytest.param([(1, [backward(15), backward()]), (3, USUAL)], id="too few steps"),
        pytest.param([(1, [backward(15), backward()]), (10, USUAL), (10, [clear(), backward(16)])], id="no usual window"),
    ],
)
def test_an_odd_step_that_is_innocent(seen: list[tuple[int, list[Event]]]) -> None:
    assert not _mixed(optimizer(*seen))


VALIDATION = [clear(), *3 * [backward(50, evaluating=True)], backward()]


def test_validation_that_leaves_its_gradients() -> None:
    (told,) = _mixed(optimizer((10, USUAL), (3, VALIDATION)))
    assert told.message == (
        "step 11 and 2 more also applied the gradients of 3 backward() calls that ran in eval mode: nobody cleared them"
    )
    assert (told.where, told.fix) == (at(50), "call opt.zero_grad() before the backward() of train.py:20")


def test_validation_in_the_function_that_trains_is_told_by_its_caller() -> None:
    train, valid = Event("backward", at(20), at(70), site=1), Event("backward", at(20), at(71), site=2, evaluating=True)
    (told,) = _mixed(optimizer((10, [clear(), train]), (3, [clear(), valid, train])))
    assert (told.where, told.fix) == (
        at(71),
        "call opt.zero_grad() right after train.py:71, or compute these losses without backward()",
    )


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([(10, USUAL), (3, [clear(), backward(50), backward()])], id="in train mode: a lazy penalty"),
        pytest.param([(10, USUAL), (1, VALIDATION)], id="once"),
        pytest.param(
            [(10, [clear(), backward(evaluating=True)]), (3, [backward(50, evaluating=True), backward(evaluating=True)])],
            id="trained in eval mode",
        ),
    ],
)
def test_validation_that_is_innocent(seen: list[tuple[int, list[Event]]]) -> None:
    assert not _mixed(optimizer(*seen))


ACTOR = optimizer((20, [clear(11), backward(30)]), variable="opt_a")
REACHING = [clear(), backward(20), backward(30, also=(1,))]


def test_an_actors_loss_that_reaches_the_critic() -> None:
    (told,) = _mixed(optimizer((20, REACHING), variable="opt_q"), ACTOR)
    assert told.message == (
        "its steps apply the gradients of two losses: its own, of train.py:20, and that of train.py:30, "
        "the only one that opt_a has"
    )
    assert told.where == at(30)
    assert told.fix == (
        "call opt_q.step() before the loss of train.py:30 is computed, or keep that loss's gradients out of these parameters: "
        "requires_grad_(False) while it is computed"
    )


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([clear(), backward(20), backward(30, also=(1,), everywhere=False)], id="a shared trunk"),
        pytest.param([clear(), backward(20, everywhere=False), backward(30, also=(1,))], id="its own loss for a head only"),
        pytest.param([clear(), backward(20, also=(1,)), backward(30, also=(1,))], id="both losses for both"),
        pytest.param([clear(), backward(20), backward(21), backward(30, also=(1,))], id="more losses of its own"),
        pytest.param([clear(), backward(20), backward(30)], id="two losses of its own"),
        pytest.param([clear(), backward(20), backward(30, also=(1,)), backward(31, also=(1, 2))], id="a loss for all"),
    ],
)
def test_two_losses_that_are_innocent(events: list[Event]) -> None:
    assert not _mixed(optimizer((20, events), variable="opt_q"), ACTOR)


def test_another_optimizer_with_more_losses_is_innocent() -> None:
    actor = optimizer((20, [clear(11), backward(30), backward(31)]), variable="opt_a")
    assert not _mixed(optimizer((20, REACHING), variable="opt_q"), actor)


def test_an_actors_loss_that_reaches_once_is_innocent() -> None:
    assert not _mixed(optimizer((1, REACHING), variable="opt_q"), ACTOR)


# Clipping


def _clipping(*seen: tuple[int, list[Event]]) -> list[Told]:
    return list(clipping(0, facts(optimizer(*seen))))


def test_clipping_before_backward_has_no_effect() -> None:
    (told,) = _clipping((20, [clear(), clip(), backward()]))
    assert told.message == (
        "clipping had no effect in all 20 calls: there were no new gradients yet, or the step had already applied them"
    )
    assert (told.where, told.fix) == (at(40), "clip after the backward() of train.py:20 and right before train.py:90")


def test_clipping_parameters_without_gradients_has_no_effect() -> None:
    assert _clipping((20, [clear(), clip(nothing=True), backward()]))


def test_clipping_that_sometimes_has_no_effect_tells_how_often() -> None:
    (told,) = _clipping((12, [clip(), backward()]), (8, [backward(), clip()]))
    assert "had no effect in 12 of 20 calls:" in told.message


def test_clipping_while_gradients_are_added_up() -> None:
    (told,) = _clipping((10, [clear(), backward(), clip(), backward(), clip()]))
    assert told.message == (
        "gradients were clipped while they were still being added up, in 10 of 20 calls: what came later was not clipped"
    )
    assert (told.where, told.fix) == (at(40), "clip once, right before train.py:90, not after each backward()")


def test_clipping_scaled_gradients() -> None:
    (told,) = _clipping((20, [clear(), backward(), clip(), SCALER]))
    assert told.message == "gradients were clipped while they were still multiplied by the GradScaler's scale, in all 20 calls"
    assert (told.where, told.fix) == (at(40), "call scaler.unscale_(opt) before train.py:40")


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([(20, [clear(), backward(), clip()])], id="right before step"),
        pytest.param([(20, [clear(), backward(), UNSCALE, clip(), SCALER])], id="unscaled"),
        pytest.param([(20, [backward(), clip(), clear(), backward(), clip()])], id="cleared after it"),
        pytest.param([(20, [backward(), clip(), backward(), clear(), backward(), clip()])], id="cleared later"),
        pytest.param([(1, [clip(), backward()])], id="once"),
        pytest.param([(9, [clip(), backward()]), (11, [backward(), clip()])], id="in fewer than half of the calls"),
        pytest.param([(20, [backward(30), clip(), other_step(1), backward()])], id="clipped for another's step"),
    ],
)
def test_clipping_that_is_innocent(seen: list[tuple[int, list[Event]]]) -> None:
    assert not _clipping(*seen)


def test_each_line_that_clips_is_judged_for_itself() -> None:
    told = _clipping((20, [clip(40), backward(), clip(41)]))
    assert [each.where for each in told] == [at(40)]


# Parameters of two optimizers


def _shared(events: list[Event], count: int = 20) -> list[Told]:
    first = optimizer((count, [clear(), backward()]), variable="opt_a")
    second = optimizer((count, events), variable="opt_b", stepped_at=[at(91)])
    return list(shared(1, facts(first, second)))


def test_two_optimizers_apply_the_same_gradients() -> None:
    (told,) = _shared([clear(), backward(also=(0,)), other_step(0, shared=True)])
    assert told.message == "step 1 and 19 more applied gradients that opt_a had just applied to the same parameters"
    assert (told.where, told.fix) == (at(91), "give these parameters to one of the two optimizers only: opt_b or opt_a")


def test_two_optimizers_in_turn_are_innocent() -> None:
    assert not _shared([clear(), backward(), other_step(0, shared=True), clear(), backward()])
    assert not _shared([clear(), backward(also=(0,)), other_step(0)])  # no parameters in common
    assert not _shared([clear(), backward(also=(0,)), other_step(0, shared=True)], count=1)


# Where the gradients come from


def test_feeding_is_that_of_the_most_frequent_window() -> None:
    one = optimizer((2, [backward(30)]), (9, [backward(20), backward(21)]))
    assert Feeding.of(one) == Feeding(at(20), 2)


def test_feeding_leaves_out_what_was_there_before_anothers_step() -> None:
    one = optimizer((9, [backward(20), other_step(1), backward(30)]))
    assert Feeding.of(one) == Feeding(at(30), 1, foreign=True)
    assert Feeding.of(optimizer((9, [backward(20), other_step(1)]))) == Feeding(at(20), 1)


def test_without_windows_nothing_is_known() -> None:
    assert Feeding.of(optimizer()) == Feeding()
    nothing = Facts(optimizers=[optimizer()])
    assert [*thrown_away(0, nothing), *mixed_losses(0, nothing), *clipping(0, nothing), *shared(0, nothing)] == []
