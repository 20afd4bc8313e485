"""The part of a run that both of its sides have trained: the same samples, and the same epochs tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.columns import EPOCHS, RIGHT, STEPS, Column
from gradtui.runs.export.csv_lines import sound_rows
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.evidence import Evidence
from gradtui.runs.results.moves import Moves
from gradtui.runs.results.wording import count
from gradtui.runs.state import DamagedRun, RunState
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings


def new_evidence(settings: RunSettings, side: int) -> Evidence:
    """Evidence of a side (0 left, 1 right) before its first row."""
    return Evidence(moves=Moves(settings.steps_per_epoch(side) or 1))


def columns_read(settings: RunSettings) -> list[Column]:
    """The columns of a step file that the evidence needs."""
    columns = STEPS.columns_of(script=settings.can.use_several_optimizers, clips=settings.may_clip)
    return [column for column in columns if column.name != "epoch"]


def common_steps(settings: RunSettings, steps: Sequence[int]) -> tuple[int, int]:
    """How many of each side's ``steps`` saw samples that the other side's saw too."""
    if settings.steps_per_epoch(0) is None:
        return min(steps), min(steps)
    samples = EXPERIMENTS[settings.experiment].samples
    common = min(_samples_after(settings, side, steps[side]) for side in (0, 1))
    epochs, rest = divmod(common, samples)
    left, right = ((settings.steps_per_epoch(side) or 1) * epochs + rest // settings.step_samples(side) for side in (0, 1))
    return left, right


def _samples_after(settings: RunSettings, side: int, steps: int) -> int:
    """The samples that a side has seen after so many steps; the last step of an epoch may see fewer than the others."""
    epochs, rest = divmod(steps, settings.steps_per_epoch(side) or 1)
    return epochs * EXPERIMENTS[settings.experiment].samples + rest * settings.step_samples(side)


def shortfall(state: RunState, steps: Sequence[int]) -> str:
    """Which sides did not train to the end, in words; empty if both did, on the same samples."""
    settings, whole = state.settings, common_steps(state.settings, steps) == tuple(steps)
    ends = []
    for side, variant in enumerate(state.variants.values()):
        if variant.status == "finished" and (whole or settings.can.count_epochs):
            continue
        planned = settings.planned_steps(side)
        how = "ended" if variant.status == "finished" else variant.status if variant.status != "running" else "was lost"
        ends.append(f"{settings.shorts[side]} {how} at step {count(steps[side])}{f' of {count(planned)}' if planned else ''}")
    return ", ".join(ends)


def read_until(folder: RunFolder, settings: RunSettings, side: int, step: int, epoch: int | None = None) -> Evidence:
    """The evidence of a side up to a step, and of the epochs tested up to then, or only up to ``epoch``."""
    name, evidence = settings.variants[side], new_evidence(settings, side)
    rows_of_steps = CsvTail(folder.steps_csv(name), columns_read(settings), folder.packed(name))
    while evidence.steps < step and (rows := rows_of_steps.read()) is not None:
        evidence.add_steps(rows.until(step))
    rows_of_epochs = CsvTail(folder.epochs_csv(name), EPOCHS.columns)
    while (rows := rows_of_epochs.read()) is not None:
        tested = [i for i, at in enumerate(rows.values["step"]) if at <= step]
        if epoch is not None:
            tested = [i for i in tested if rows.values["epoch"][i] <= epoch]
        evidence.add_epochs(rows.first(len(tested)))
    return evidence


def only_right_on(left: Path, right: Path, epoch: int) -> tuple[int, int] | None:
    """How many test samples only the left and only the right side classified correctly after an epoch.

    ``left`` and ``right`` are the sides' files. None if either does not say it, as those of older versions do not.
    """
    masks = [_right_after(path, epoch) for path in (left, right)]
    if None in masks or len(masks[0] or "") != len(masks[1] or ""):
        return None
    a, b = (int(mask or "0", 16) for mask in masks)
    return (a & ~b).bit_count(), (b & ~a).bit_count()


def _right_after(path: Path, epoch: int) -> str | None:
    """The hexadecimal digits of an epoch's row."""
    try:
        rows = sound_rows(path, RIGHT, RIGHT.columns)
        return next((right for number, right in rows if int(number) == epoch), None)
    except DamagedRun:
        return None
