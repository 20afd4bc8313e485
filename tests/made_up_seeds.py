"""Run folders of several seeds as a training leaves them, made without one."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings
from tests.made_up import HEADER

Table = Sequence[Sequence[float]]
"""A row per step, a value per seed."""


def falling(seeds: int, steps: int, side: int) -> list[list[float]]:
    """Noisy losses that fall by a factor of about a hundred, the right side's more slowly; seeds differ more and more."""
    draw = random.Random(side)
    rates = [draw.uniform(0.6, 1.4) * (0.65 if side else 1) for _ in range(seeds)]
    return [[2.3 * math.exp(-4.6 * rate * step / steps) * draw.uniform(0.85, 1.15) for rate in rates] for step in range(steps)]


def median(values: Sequence[float]) -> float:
    """nan counts as larger than every number."""
    ordered = sorted(math.inf if math.isnan(value) else value for value in values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return math.nan if math.isinf(middle) else middle


def write_steps(folder: RunFolder, variant: str, table: Table, after: int = 0) -> None:
    """Append a side's rows, of its medians and of its seeds, beginning after step ``after``."""
    seeds = folder.read().settings.all_seeds
    steps, single = folder.steps_csv(variant), folder.seeds_csv(variant)
    with open(steps, "a", encoding="ascii") as medians, open(single, "a", encoding="ascii") as file:
        if not after:
            medians.write(HEADER)
            file.write("step," + ",".join(map(str, seeds)) + "\n")
        for step, row in enumerate(table, after + 1):
            medians.write(f"{step},{step},{median(row)!r},,0.0001512,,\n")
            file.write(f"{step}," + ",".join(map(repr, row)) + "\n")


def write_accuracies(folder: RunFolder, variant: str, table: Table, steps_per_epoch: int) -> None:
    """Write a side's accuracies, a row per epoch."""
    seeds = folder.read().settings.all_seeds
    epochs = ["epoch,step,test_loss,accuracy\n"]
    single = ["epoch," + ",".join(map(str, seeds)) + "\n"]
    for epoch, row in enumerate(table, 1):
        epochs.append(f"{epoch},{epoch * steps_per_epoch},0.5,{median(row)!r}\n")
        single.append(f"{epoch}," + ",".join(map(repr, row)) + "\n")
    folder.epochs_csv(variant).write_text("".join(epochs))
    folder.seed_epochs_csv(variant).write_text("".join(single))


def seeded_run(left: Table, right: Table, *, status: str = "finished", **settings: object) -> RunFolder:
    """A run with these losses of several seeds."""
    rows = max(len(left), len(right))
    folder = create_run(RunSettings.parse({"epochs": rows, "seeds": len(left[0]), **settings}))
    state = replace(folder.read(), status=status)
    for name, table in zip(state.variants, (left, right), strict=True):
        write_steps(folder, name, table)
        state = with_variant(state, name, status=status, steps=len(table))
    folder.write(state)
    return folder
