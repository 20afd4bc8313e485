"""What a run's rows say does not depend on the pieces in which they are read."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from gradtui.runs.packed import ROWS, block_of
from gradtui.runs.results.evidence import Evidence, GradientExcess, GradientRatios
from gradtui.runs.results.moves import Moves
from gradtui.runs.results.spans import BLOCK
from gradtui.runs.tail import Chunk


def evidence_of(losses: list[float], pieces: random.Random, epoch_steps: int = 1) -> Evidence:
    evidence, at = Evidence(moves=Moves(epoch_steps)), 0
    while at < len(losses):
        part = losses[at : at + pieces.choice([1, 600, 1500, 40_000])]
        norms = [math.nan if i % 3 else 1.5 for i in range(at, at + len(part))]
        values = {"step": range(at + 1, at + 1 + len(part)), "loss": part, "seconds": [1e-4] * len(part)}
        evidence.add_steps(Chunk((*values,), {**values, "grad_norm": norms, "fresh_grad_norm": norms}, before=at))
        at += len(part)
    return evidence


@pytest.mark.parametrize("seed", range(5))
def test_losses_in_any_pieces_are_the_same_evidence(seed: int) -> None:
    draw = random.Random(seed)
    losses = [draw.gauss(1, 1) * draw.choice([1.0, 1.0, 1e-9, 3e7]) for _ in range(200_000)]
    epoch_steps = draw.choice([1, 24, 1024, 1500])
    whole = evidence_of(losses, random.Random(100), epoch_steps)
    again = evidence_of(losses, random.Random(200 + seed), epoch_steps)
    assert whole == again
    means = [math.fsum(losses[at : at + epoch_steps]) / epoch_steps for at in range(0, len(losses), epoch_steps)]
    complete = len(losses) // epoch_steps
    assert (whole.moves.epochs, whole.moves.first, whole.moves.last) == (complete, means[0], means[complete - 1])
    assert whole.blocks == pytest.approx([
        math.fsum(losses[at : at + whole.loss_blocks.size]) / len(losses[at : at + whole.loss_blocks.size])
        for at in range(0, len(losses), whole.loss_blocks.size)
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_first_step_that_exploded_is_one_that_is_finite(seed: int) -> None:
    losses = [1.0] * 3000
    losses[1100], losses[1200], losses[1600] = math.inf, math.nan, 1001.0
    evidence = evidence_of(losses, random.Random(seed))
    assert (evidence.diverged_at, evidence.exploded_at) == (1101, 1601)


@pytest.mark.parametrize("seed", range(5))
def test_the_last_step_above_a_tenth_of_the_first_loss_is_remembered_exactly(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(20):
        last = draw.randrange(1, 5000)
        losses = [1.0, *[draw.choice([0.05, 0.2]) for _ in range(last - 2)], draw.choice([0.2, math.nan, math.inf])][-last:]
        losses[0] = 1.0
        quiet = evidence_of(losses + [0.1] * (3 * last), random.Random(seed))
        assert quiet.converged_at == last + 1
        assert evidence_of([*losses, 0.1], random.Random(seed)).converged_at is (None if last > 0 else 1)


@pytest.mark.parametrize(("epochs", "epoch_steps"), [(20, 1), (300, 1), (3000, 1), (100_000, 1), (20, 24), (3000, 24)])
def test_what_a_curve_is_does_not_depend_on_the_length_of_the_run(epochs: int, epoch_steps: int) -> None:
    settled = [0.16**i for i in range(epochs) for _ in range(epoch_steps)]
    oscillating = [math.cos(0.795 * i) ** 2 for i in range(epochs) for _ in range(epoch_steps)]
    left, right = (evidence_of(losses, random.Random(1), epoch_steps) for losses in (settled, oscillating))
    assert (left.converged_at, right.converged_at) == (2 * epoch_steps + 1, None)
    assert (left.share_of_rises, left.moves.falls) == (0.0, True)
    assert right.share_of_rises is not None
    assert right.share_of_rises == pytest.approx(0.5, abs=0.06)


def test_a_slow_swing_rises_as_often_as_a_fast_one() -> None:
    slow = evidence_of([math.cos(0.001 * i) ** 2 for i in range(20_000)], random.Random(1))
    assert slow.share_of_rises == pytest.approx(0.5, abs=0.05)


def test_noise_makes_no_moves_however_long_it_lasts() -> None:
    draw = random.Random(1)
    noisy = evidence_of([1.0, *[0.5 + draw.uniform(-0.0045, 0.0045) for _ in range(50_000)]], random.Random(1))
    assert (noisy.moves.ups, noisy.moves.downs) == (0, 1)


def test_a_loss_that_is_not_finite_is_not_a_rise() -> None:
    losses = [1.0 - i / 20 for i in range(20)]
    gone = evidence_of([*losses, math.nan, math.inf, *[math.nan] * 20], random.Random(1))
    assert (gone.moves.ups, gone.moves.epochs, gone.share_of_rises) == (0, 20, 0.0)
    assert not gone.moves.falls


@pytest.mark.parametrize("period", [2, 3, 7])
def test_the_ratio_of_gradients_is_the_median_of_all_that_were_measured(period: int) -> None:
    ratios = GradientRatios()
    for i in range(50_000):
        ratios.add(1.0 + i % period, 1.0)
    assert ratios.excess == GradientExcess(1.0 + (period - 1) // 2, differs=True)
    assert len(ratios.counts) == period


def test_packed_blocks_are_the_same_evidence() -> None:
    """Also in a run so long that whole blocks are added up."""
    draw = random.Random(1)
    losses = array("d", [draw.gauss(1, 1) for _ in range(10 * ROWS)])
    ticks = array("I", [draw.randrange(1000) for _ in losses])
    packed, plain = Evidence(), Evidence()
    for at in range(0, len(losses), ROWS):
        block = block_of(at + 1, losses[at : at + ROWS], ticks[at : at + ROWS], {7: (1.0, 0.5, 1.0)})
        values = block.values
        packed.add_steps(Chunk((*values,), values, before=at, _spans={"loss": block.spans}))
        as_read = {**values, "loss": block.losses.tolist(), "seconds": [*values["seconds"]]}
        plain.add_steps(Chunk((*values,), as_read, before=at))
    assert packed.loss_blocks.size >= BLOCK
    assert packed == plain
