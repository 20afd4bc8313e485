"""Whether a run that has ended is whole, and its status true."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from gradtui.runs.export import export_csv
from gradtui.runs.folder import RunFolder
from gradtui.runs.state import RunState


@dataclass(frozen=True)
class Excuses:
    """What was done that a run may show."""

    lost: bool = False
    stopped: bool = False
    failed: bool = False


def check_run(folder: RunFolder, excuses: Excuses, steps: int | None) -> RunState:
    """A run nobody works on any more: every row whole, every step once, ``steps`` of them where a side has finished.

    Its status must be the one that its sides add up to, and one that ``excuses`` allow.
    """
    state = folder.observe()
    for name, variant in state.variants.items():
        where = f"{folder.id} {name}: {variant}"
        rows = whole_rows(folder.steps_csv(name))
        assert [row[0] for row in rows] == list(map(str, range(1, len(rows) + 1))), f"steps are missing or doubled, {where}"
        if state.status == "lost":
            continue
        assert variant.status in ("finished", "failed", "stopped"), where
        assert variant.status != "failed" or (excuses.failed and variant.reason), where
        assert variant.status != "stopped" or excuses.stopped, where
        assert (variant.steps, variant.pid) == (len(rows), None), f"{len(rows)} rows, {where}"
        assert variant.status != "finished" or steps in (None, len(rows)), where
    sides = {variant.status for variant in state.variants.values()}
    if state.status == "lost":
        assert excuses.lost, f"{folder.id} is lost"
    else:
        assert state.status == next(status for status in ("failed", "stopped", "finished") if status in sides), state
        assert state.ended is not None
        assert not (folder.path / "reserve").exists()
    out = folder.path.parent.parent / f"{folder.id}.csv"
    assert export_csv(folder, out) == sum(len(whole_rows(folder.steps_csv(name))) for name in state.variants)
    return state


def whole_rows(path: Path) -> list[list[str]]:
    """The rows, without a torn last one, as every reader sees them."""
    if not path.exists():
        return []
    text = path.read_bytes().rpartition(b"\n")[0].decode("ascii")
    header, *rows = csv.reader(text.split("\n")) if text else [[]]
    assert all(len(row) == len(header) for row in rows), f"{path} has a row that is not whole"
    return rows
