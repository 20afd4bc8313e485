"""What ``gradtui sweep`` prints: a line per run as it ends, then the grid."""

from __future__ import annotations

import json
import math
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from gradtui.runs import claims, sweep
from gradtui.runs.destination import check_target, exporting
from gradtui.runs.sweep import SweepFolder
from gradtui.runs.sweeper import start_sweeper
from gradtui.runs.wording import number, percent

POLL_SECONDS = 0.1


def run_sweep(folder: SweepFolder, *, csv: Path | None, as_json: bool) -> int:
    """Work a sweep off to its end; the exit code of ``gradtui sweep``. Raises ExportError before anything is started."""
    if csv is not None:
        check_target(csv, overwrite=False)
    sweeper = start_sweeper(folder)
    interrupted: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        folder.request_stop()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    told = len(folder.read().outcomes)
    while True:
        ended = sweeper.poll() is not None
        told = _tell(folder, told)
        if ended:
            break
        time.sleep(POLL_SECONDS)

    done = folder.read()
    judged = sweep.sweep_claims(done)
    if as_json:
        print(json.dumps(_as_json(done, judged), allow_nan=False))
    else:
        print(f"{done.id}: {done.status}, {done.quantity}", sweep.as_text(done), "", claims.as_text(judged), sep="\n")
    if csv is not None and folder.csv.exists():
        with exporting(csv) as file, open(folder.csv, encoding="ascii") as rows:
            shutil.copyfileobj(rows, file)
        print(f"{csv}: {len(done.outcomes):,} rows", file=sys.stderr)
    if interrupted:
        print(f"stopped; go on with: gradtui sweep --resume {done.id}", file=sys.stderr)
        return 130
    return 1 if any(outcome.status == "failed" for outcome in done.outcomes) or done.status != "finished" else 0


def _tell(folder: SweepFolder, told: int) -> int:
    """Print the outcomes that are new; how many are told then."""
    state = folder.read()
    total = len(list(state.cells()))
    say = percent if state.quantity == "accuracy" else number
    for place, outcome in enumerate(state.outcomes[told:], start=told + 1):
        cell = outcome.cell
        print(
            f"{place}/{total}  {cell.optimizer} lr {cell.lr:g} seed {cell.seed}  {say(outcome.left)}  {say(outcome.right)}",
            file=sys.stderr,
            flush=True,
        )
    return len(state.outcomes)


def _as_json(state: sweep.Sweep, judged: list[claims.Claim]) -> dict[str, object]:
    def plain(value: object) -> object:
        return repr(value) if isinstance(value, float) and not math.isfinite(value) else value

    return {
        "sweep": state.id,
        "status": state.status,
        "quantity": state.quantity,
        "settings": dict(state.base),
        "grid": [{key: plain(value) for key, value in vars(row).items()} for row in sweep.grid_rows(state)],
        "claims": [vars(claim) for claim in judged],
    }
