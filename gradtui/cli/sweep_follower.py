"""What ``gradtui sweep`` prints: a line per run as it ends, then the grid."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from gradtui.printing import printable
from gradtui.runs.export.destination import check_target
from gradtui.runs.home import HomeError
from gradtui.runs.results import claims
from gradtui.runs.results.seed_results import median_over_seeds
from gradtui.runs.results.wording import number, percent
from gradtui.runs.safe_open import open_regular, printable_lines
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweeps import grid as sweep
from gradtui.runs.sweeps.grid import Outcome, Sweep
from gradtui.runs.sweeps.sweep_claims import sweep_claims
from gradtui.runs.sweeps.sweep_folder import SweepFolder, SweepReader, export_sweep
from gradtui.runs.sweeps.sweeper import start_sweeper

POLL_SECONDS = 0.1


def run_sweep(folder: SweepFolder, *, csv: Path | None, as_json: bool) -> int:
    """Execute a sweep, or follow the sweeper that already does; return the exit code of ``gradtui sweep``.

    Raises ExportError, HomeError and DamagedRun before anything is started.
    """
    if csv is not None:
        check_target(csv, overwrite=False)
    following = _Following(folder)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, following.interrupt)
    following.start()
    following.follow()
    try:
        done = replace(following.reader.sweep, status=folder.status())
    except DamagedRun as error:
        return _failed(f"{folder.path} is gone" if folder.gone else str(error))

    judged = sweep_claims(done)
    if as_json:
        print(json.dumps(_as_json(done, judged), allow_nan=False))
    else:
        print(f"{done.id}: {done.status}, {done.quantity}", sweep.as_text(done), "", claims.as_text(judged), sep="\n")
    if csv is not None:
        sys.stdout.flush()
        count = export_sweep(done, csv)
        print(f"{csv}: {count:,} rows", file=sys.stderr)
    return following.say_how_it_ended(done)


class _Following:
    """A sweep that this command has started or attached to."""

    def __init__(self, folder: SweepFolder) -> None:
        self.reader = SweepReader(folder)
        self.reader.advance()  # what ended before is in the grid and is not printed again
        self._folder = folder
        self._sweeper: subprocess.Popen[bytes] | None = None
        self._interrupted = False
        self._log_end = folder.log.stat().st_size if folder.log.is_file() else 0

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True

    def start(self) -> None:
        """Start a sweeper, unless there is one or nothing is left to do."""
        if self._folder.status() == "finished" and not self.reader.sweep.left_to_do():
            return
        if self._folder.stop_requested and self._is_running():
            print(f"{self._folder.id} is stopping; resuming it once it has stopped", file=sys.stderr, flush=True)
            while self._folder.stop_requested and self._is_running() and not self._interrupted:
                time.sleep(POLL_SECONDS)
        if self._interrupted:
            return
        self._sweeper = start_sweeper(self._folder)
        if self._sweeper is None:
            print(f"{self._folder.id} is in progress; following it", file=sys.stderr, flush=True)

    def follow(self) -> None:
        """Print the runs as they end, until the sweeper has ended; on an interrupt, ask it to stop."""
        asked = False
        while True:
            running = self._is_running()
            self._tell()
            if not running:
                return
            if self._interrupted and not asked:
                self._ask_to_stop()
                asked = True
            time.sleep(POLL_SECONDS)

    def say_how_it_ended(self, done: Sweep) -> int:
        """Say on stderr what is not done; return the exit code."""
        go_on = f"gradtui sweep --resume {done.id}"
        if self._interrupted:
            print(f"stopped; continue with: {go_on}", file=sys.stderr)
            return 130
        if done.status == "finished" and not done.failed:
            return 0
        if done.status == "finished":
            return _failed(f"{done.failed:,} of {done.size:,} cells failed; repeat them with: {go_on}")
        why = self._last_line_of_log()
        if why is not None:
            _failed(why)
        return _failed(f"the sweep is {done.status}; continue with: {go_on}")

    def _is_running(self) -> bool:
        if self._sweeper is not None:
            return self._sweeper.poll() is None
        try:
            return self._folder.status() == "running"
        except DamagedRun:
            return False

    def _ask_to_stop(self) -> None:
        try:
            self._folder.request_stop()
        except HomeError as error:  # there is no room for a request, or no folder any more
            if self._sweeper is not None:
                self._sweeper.terminate()
            else:
                _failed(f"the sweep cannot be asked to stop: {error}")

    def _tell(self) -> None:
        """Print the outcomes that are new, a line per run, after the number of cells that have a result."""
        new = self.reader.advance()
        if not new:
            return
        state = self.reader.sweep
        finished = state.finished - sum(outcome.counts for outcome in new)
        for _, of_run in itertools.groupby(new, lambda outcome: outcome.run):
            outcomes = [*of_run]
            finished += sum(outcome.counts for outcome in outcomes)
            print(f"{finished}/{state.size}  {_line(state, outcomes)}", file=sys.stderr, flush=True)

    def _last_line_of_log(self) -> str | None:
        """The last line that the sweeper has printed since this command follows it."""
        with suppress(OSError), open_regular(self._folder.log) as log:
            log.seek(max(self._log_end, os.fstat(log.fileno()).st_size - 4096))
            lines = printable_lines(log.read())
            return lines[-1] if lines else None
        return None


def _line(state: Sweep, outcomes: Sequence[Outcome]) -> str:
    """How a run has ended: of several seeds, the medians."""
    say = percent if state.quantity == "accuracy" else number
    first, last = outcomes[0], outcomes[-1]
    several = len(outcomes) > 1
    seeds = f"seeds {first.cell.seed} to {last.cell.seed}" if several else f"seed {first.cell.seed}"
    what = f"{first.cell.optimizer} lr {first.cell.lr:g} {seeds}"
    if not first.counts:
        return f"{what}  {first.status} (run {first.run})"
    left, right = (median_over_seeds([getattr(outcome, side) for outcome in outcomes]) for side in ("left", "right"))
    return f"{what}  {'median ' * several}{say(left)}  {say(right)}"


def _failed(line: str) -> int:
    print(f"gradtui: {printable(line)}", file=sys.stderr, flush=True)
    return 1


def _as_json(state: Sweep, judged: list[claims.Claim]) -> dict[str, object]:
    def plain(row: sweep.GridRow) -> dict[str, object]:
        values = {name: repr(v) if isinstance(v, float) and not math.isfinite(v) else v for name, v in vars(row).items()}
        return values | {"difference": row.difference.as_dict()}

    return {
        "sweep": state.id,
        "status": state.status,
        "quantity": state.quantity,
        "settings": dict(state.base),
        "grid": [*map(plain, sweep.grid_rows(state))],
        "claims": [vars(claim) for claim in judged],
    }
