"""Whether a run that has ended is whole, and its status true."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from gradtui.runs.export.csv_export import export_csv
from gradtui.runs.folder import RunFolder
from gradtui.runs.state import RunState


@dataclass(frozen=True)
class Excuses:
    """What was done that a run may show."""

    lost: bool = False
    stopped: bool = False
    failed: bool = False


def check_run(folder: RunFolder, excuses: Excuses, steps: int | None = None) -> RunState:
    """A run nobody works on any more: every row whole, every step once, all planned steps where a side has finished.

    ``steps`` are those of a script, which no setting knows.

    Its status must be the one that its sides add up to, and one that ``excuses`` allow.
    """
    state = folder.observe()
    for side, (name, variant) in enumerate(state.variants.items()):
        planned = steps or state.settings.planned_steps(side)
        where = f"{folder.id} {name}: {variant}"
        rows, epochs = whole_rows(folder.steps_csv(name)), whole_rows(folder.epochs_csv(name))
        of_seeds = whole_rows(folder.seeds_csv(name)) if state.settings.seeds > 1 else rows
        for numbered in (rows, epochs, of_seeds):
            numbers = [row[0] for row in numbered]
            assert numbers == list(map(str, range(1, len(numbers) + 1))), f"rows are missing or doubled, {where}"
        if state.status == "lost":
            continue
        assert variant.status in ("finished", "failed", "stopped"), where
        assert variant.status != "failed" or (excuses.failed and variant.reason), where
        assert variant.status != "stopped" or excuses.stopped, where
        assert (variant.steps, variant.pid) == (len(rows), None), f"{len(rows)} rows, {where}"
        assert variant.status != "finished" or len(rows) == len(of_seeds) == planned, where
    sides = {variant.status for variant in state.variants.values()}
    if state.status == "lost":
        assert excuses.lost, f"{folder.id} is lost"
    else:
        assert state.status == next(status for status in ("failed", "stopped", "finished") if status in sides), state
        assert state.ended is not None
        assert not (folder.path / "reserve").exists()
    out = folder.path.parent.parent / f"{folder.id}.csv"
    assert export_csv(folder, out) == sum(_exported_rows(folder, state, name) for name in state.variants)
    return state


def _exported_rows(folder: RunFolder, state: RunState, name: str) -> int:
    """A row for each step; of several seeds, one for each step and seed."""
    seeds, steps = state.settings.seeds, len(whole_rows(folder.steps_csv(name)))
    return steps if seeds == 1 else seeds * min(steps, len(whole_rows(folder.seeds_csv(name))))


def whole_rows(path: Path) -> list[list[str]]:
    """The rows, without a torn last one, as every reader sees them."""
    if not path.exists():
        return []
    lines = path.read_bytes().rpartition(b"\n")[0].decode("ascii").split("\n")
    header, *rows = csv.reader(lines)
    assert all(len(row) == len(header) for row in rows), f"{path} has a row that is not whole"
    return rows
