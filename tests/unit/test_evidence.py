"""What a run's rows say does not depend on the pieces in which they are read."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from gradtui.runs.packed import ROWS, block_of
from gradtui.runs.results.evidence import Evidence
from gradtui.runs.results.spans import BLOCK
from gradtui.runs.tail import Chunk


def evidence_of(losses: list[float], pieces: random.Random) -> Evidence:
    evidence, at = Evidence(), 0
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
    whole = evidence_of(losses, random.Random(100))
    again = evidence_of(losses, random.Random(200 + seed))
    assert whole == again
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
