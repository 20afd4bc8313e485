"""The process that executes a sweep: ``gradtui.runs.sweeps.sweeper SWEEP_FOLDER [LOCK]``.

One sweeper owns a sweep at a time. ``LOCK`` is the file descriptor of the lock that its starter has taken; without it the
sweeper takes the lock itself, or exits if another sweeper holds it.

A run trains a batch of cells, which differ only in their seeds. It is recorded for each of them before it begins. So a sweeper
that resumes after another was killed first adopts the runs that the other left behind: it waits for a run that is still in
progress, and records a run that has finished meanwhile. It trains all other cells without a result: cells that were never
started, and cells whose run was stopped, lost or failed. A run that fails or is lost under this sweeper is recorded as such
and repeated on the next resume.

While a run trains, the next one's processes already import torch.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gradtui import private
from gradtui.printing import printable
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError, home_errors, runs_directory
from gradtui.runs.liveness import is_held
from gradtui.runs.processes.launch import WarmSupervisor
from gradtui.runs.processes.spawn import spawn
from gradtui.runs.results.reader import RunReader
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweeps.grid import Cell, Outcome, Sweep
from gradtui.runs.sweeps.sweep_folder import SweepFolder, SweepReader
from gradtui.runs.sweeps.sweep_rows import SweepNotWritten

POLL_SECONDS = 0.05
BEAT_SECONDS = 2.0


def start_sweeper(folder: SweepFolder) -> subprocess.Popen[bytes] | None:
    """Execute a sweep in a new process, which outlives this one; None if the sweep already has a sweeper.

    Raises DamagedRun, HomeError.
    """
    with folder.owned() as lock:
        if lock is None:
            return None
        with suppress(SweepNotWritten):  # the sweeper fails for the same reason, and says so
            folder.write_status("running")
        with home_errors(folder.path), open(folder.log, "ab", opener=private.opener) as log:
            return spawn(
                "gradtui.runs.sweeps.sweeper",
                folder.path,
                str(lock),
                stdout=log,
                stderr=log,
                cwd=folder.path,
                detached=True,
                pass_fds=[lock],
            )


class Sweeper:
    """Executes a sweep that this process owns."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._reader = SweepReader(folder)
        self._asked_to_stop = False
        self._next_beat = 0.0

    def request_stop(self) -> None:
        self._asked_to_stop = True

    @property
    def _stopping(self) -> bool:
        return self._asked_to_stop or self._folder.stop_requested or self._folder.gone

    @property
    def _sweep(self) -> Sweep:
        self._reader.advance()
        return self._reader.sweep

    def execute(self) -> None:
        """Train the cells that are left, until they are done or a stop is requested. Raises OSError, DamagedRun."""
        self._folder.write_status("running")
        self._folder.reserve()
        self._adopt()
        sweep = self._sweep
        self._train(sweep.batches(sweep.left_to_do()))
        if self._folder.gone:
            raise HomeError(f"GRADTUI_HOME: {self._folder.path} is gone")
        sweep = self._sweep
        self._folder.release()
        self._folder.write_status("finished" if sweep.finished + sweep.failed == sweep.size else "stopped")

    def _adopt(self) -> None:
        """Wait for the runs that another sweeper started, and record those that have finished."""
        for name, noted in self._left_behind().items():
            run = RunFolder(runs_directory() / name)
            cells = [cell for cell in noted if self._is_of(run, cell)]
            if not cells:
                continue
            while _is_in_progress(run):
                if self._stopping:
                    _ask_to_stop(run, None)
                self._rest()
            adopted = [outcome for outcome in outcomes_of(self._sweep, cells, run) if outcome.counts]
            if adopted:
                self._record(adopted)
            else:
                with suppress(HomeError, DamagedRun):  # so that a warm supervisor that gets this run only now ends it at once
                    run.request_stop()

    def _left_behind(self) -> dict[str, list[Cell]]:
        """The runs that another sweeper started and has not recorded, and the cells that each is the last run of."""
        known = {outcome.cell: outcome for outcome in self._sweep.outcomes}
        runs: dict[str, list[Cell]] = {}
        for cell, name in self._folder.started().items():
            outcome = known.get(cell)
            recorded = outcome is not None and (outcome.counts or outcome.run == name)
            if self._reader.fits(cell) and not recorded:  # else the row is not this sweep's, or all is known
                runs.setdefault(name, []).append(cell)
        return runs

    def _is_of(self, run: RunFolder, cell: Cell) -> bool:
        """Whether a run trains a cell; False if it was deleted."""
        try:
            settings = run.read().settings
        except DamagedRun:
            return run.path.is_dir()
        return cell.seed in settings.all_seeds and settings.alone(cell.seed) == self._reader.sweep.settings(cell)

    def _train(self, batches: Sequence[Sequence[Cell]]) -> None:
        following: WarmSupervisor | None = None
        try:
            for place, cells in enumerate(batches):
                if self._stopping:
                    break
                supervisor = following or WarmSupervisor()
                following = None  # used up, even if the next one cannot be started
                following = WarmSupervisor() if place + 1 < len(batches) else None
                self._run(cells, supervisor)
        finally:
            if following is not None:
                following.end()
                following.process.wait()

    def _run(self, cells: Sequence[Cell], supervisor: WarmSupervisor) -> None:
        """Train a batch in one run and record the outcome of each cell, unless the run was stopped."""
        run = create_run(self._reader.sweep.settings(cells[0], len(cells)))
        run.mark_seen()  # the user watches the sweep, not its runs
        try:
            self._folder.note_start(cells, run.id)
        except SweepNotWritten:
            shutil.rmtree(run.path, ignore_errors=True)  # it has not begun and never will
            raise
        process = supervisor.start(run)
        while process.poll() is None:
            if self._stopping:
                _ask_to_stop(run, process)
            self._rest()
        outcomes = outcomes_of(self._reader.sweep, cells, run)
        if outcomes and not self._folder.gone:
            self._record(outcomes)

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        known = {outcome.cell for outcome in self._sweep.outcomes}
        self._folder.add(outcomes, replacing_others=any(outcome.cell in known for outcome in outcomes))

    def _rest(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._folder.beat()
            self._next_beat = time.monotonic() + BEAT_SECONDS
        time.sleep(POLL_SECONDS)


def _is_in_progress(run: RunFolder) -> bool:
    try:
        return run.observe().live
    except DamagedRun:
        return bool(is_held(run.path / "alive"))  # its run.json may be readable again in a moment


def _ask_to_stop(run: RunFolder, supervisor: subprocess.Popen[bytes] | None) -> None:
    try:
        run.request_stop()
    except (HomeError, DamagedRun):  # no space for a request, or the folder is gone
        if supervisor is not None:
            supervisor.terminate()


def outcomes_of(sweep: Sweep, cells: Sequence[Cell], run: RunFolder) -> list[Outcome]:
    """The outcomes of these cells, whose run has ended; none if it was stopped."""
    try:
        reader = RunReader(run)
    except DamagedRun:
        return [Outcome(cell, run.id, "failed", math.nan, math.nan) for cell in cells]
    while any(reader.advance()):
        pass
    status, settings = reader.state.status, reader.state.settings
    if status == "stopped":
        return []
    sides = [_reached(sweep, reader, name) for name in settings.variants]
    if status == "finished" and None in sides:
        status = "failed"  # its files are damaged: what a seed has reached is not known, and not nan
    left, right = (values or [math.nan] * settings.seeds for values in sides)
    reached = dict(zip(settings.all_seeds, zip(left, right, strict=True), strict=True))
    return [Outcome(cell, run.id, status, *reached[cell.seed]) for cell in cells if cell.seed in reached]


def _reached(sweep: Sweep, reader: RunReader, name: str) -> Sequence[float] | None:
    """What each seed of a side has reached; None if the side did not finish, or if rows of its seeds are missing."""
    if reader.state.variants[name].status != "finished":
        return None
    of_accuracy, evidence = sweep.quantity == "accuracy", reader.evidence[name]
    results = reader.results_of_seeds(name)
    if results is None:
        value = evidence.accuracy if of_accuracy else evidence.final_loss
        return [math.nan if value is None else value]
    if not reader.has_all_of_seeds(name):
        return None
    return results.accuracy if of_accuracy else results.late_loss


def _execute(folder: SweepFolder) -> int:
    """Execute a sweep that this process owns; return the exit code. An error becomes one line in the log."""
    try:
        sweeper = Sweeper(folder)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sweeper.request_stop())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sweeper.execute()
    except (OSError, DamagedRun) as error:
        folder.release()
        _say(str(error))
        with suppress(SweepNotWritten, DamagedRun):
            folder.write_status("stopped")
        return 1
    return 0


def _say(line: str) -> None:
    with suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)


def main() -> int:
    os.umask(0o077)  # the files of a sweep are private to their user
    folder = SweepFolder(Path(sys.argv[1]).absolute())
    if len(sys.argv) > 2:
        os.set_inheritable(int(sys.argv[2]), False)  # only this process holds the lock, until it ends
        return _execute(folder)
    try:
        with folder.owned() as lock:
            if lock is not None:
                return _execute(folder)
    except (HomeError, DamagedRun) as error:
        _say(str(error))
        return 2
    _say(f"{folder.id} is in progress: another sweeper executes it; gradtui sweep --resume {folder.id} follows it")
    return 2


if __name__ == "__main__":
    sys.exit(main())
