"""The process that works a sweep off: ``gradtui.runs.sweeper SWEEP_FOLDER``.

While a run trains, the next one's processes already import torch.
"""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from gradtui.runs.folder import RunFolder, create_run
from gradtui.runs.launch import WarmSupervisor
from gradtui.runs.results import RunReader
from gradtui.runs.spawn import command, environment
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweep import Cell, Outcome, Sweep, SweepFolder

POLL_SECONDS = 0.05


def start_sweeper(folder: SweepFolder) -> subprocess.Popen[bytes]:
    """Work a sweep off in a process of its own, which outlives its starter."""
    (folder.path / "stop").unlink(missing_ok=True)
    with open(folder.path / "sweeper.log", "ab") as log:
        return subprocess.Popen(
            command("gradtui.runs.sweeper", folder.path),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=environment(),
            start_new_session=True,
        )


def work_off(folder: SweepFolder) -> None:
    """Run what is left of a sweep, until the end or until it is asked to stop."""
    sweep = replace(folder.read(), status="running")
    folder.write(sweep)
    cells = sweep.left_to_do()
    next_one = WarmSupervisor() if cells else None
    for place, cell in enumerate(cells):
        if folder.stop_requested:
            break
        supervisor = next_one or WarmSupervisor()
        next_one = WarmSupervisor() if place + 1 < len(cells) else None
        outcome = _run(folder, sweep, cell, supervisor)
        if outcome is not None:
            folder.add(outcome)
    if next_one is not None:
        next_one.end()
        next_one.process.wait()
    left = folder.read().left_to_do()
    folder.write(replace(sweep, status="stopped" if left else "finished"))


def _run(folder: SweepFolder, sweep: Sweep, cell: Cell, supervisor: WarmSupervisor) -> Outcome | None:
    """One run of the grid; None where it was stopped."""
    run = create_run(sweep.settings(cell))
    run.mark_seen()  # it is the sweep that is looked at
    process = supervisor.start(run)
    while process.poll() is None:
        if folder.stop_requested:
            run.request_stop()
        time.sleep(POLL_SECONDS)
    return _outcome(sweep, cell, run)


def _outcome(sweep: Sweep, cell: Cell, run: RunFolder) -> Outcome | None:
    try:
        reader = RunReader(run)
    except DamagedRun:
        return Outcome(cell, run.id, "failed", math.nan, math.nan)
    while any(reader.advance()):
        pass
    if reader.state.status == "stopped":
        return None
    values = []
    for evidence in reader.evidence.values():
        value = evidence.accuracy if sweep.quantity == "accuracy" else evidence.final_loss
        values.append(math.nan if value is None else value)
    return Outcome(cell, run.id, reader.state.status, values[0], values[1])


def main() -> None:
    folder = SweepFolder(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: folder.request_stop())
    work_off(folder)
