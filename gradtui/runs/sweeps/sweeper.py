"""The process that works a sweep off: ``gradtui.runs.sweeps.sweeper SWEEP_FOLDER [LOCK]``.

One sweeper owns a sweep at a time. ``LOCK`` is the file descriptor of the lock that its starter has taken; without it the
sweeper takes the lock itself, or refuses.

Which run belongs to which cell is written down before the run begins. So a sweeper that goes on where another was killed
first adopts what that one left behind: it waits for a run that is still in progress, and records one that has finished
meanwhile. Everything else without a result is trained: cells that were never started, and those whose run was stopped,
lost or failed. A run that fails or is lost under this very sweeper is recorded as such and repeated on the next resume.

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
from gradtui.runs.folder import RunFolder, create_run
from gradtui.runs.home import HomeError, runs_directory, telling_of_the_home
from gradtui.runs.liveness import is_held
from gradtui.runs.processes.launch import WarmSupervisor
from gradtui.runs.processes.spawn import command, environment
from gradtui.runs.results.reader import RunReader
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweeps.grid import Cell, Outcome, Sweep
from gradtui.runs.sweeps.sweep_folder import SweepFolder, SweepReader
from gradtui.runs.sweeps.sweep_rows import SweepNotWritten

POLL_SECONDS = 0.05
BEAT_SECONDS = 2.0


def start_sweeper(folder: SweepFolder) -> subprocess.Popen[bytes] | None:
    """Work a sweep off in a process of its own, which outlives its starter; None where a sweeper already does so.

    Raises DamagedRun, HomeError.
    """
    with folder.owned() as lock:
        if lock is None:
            return None
        with suppress(SweepNotWritten):  # the sweeper fails by the same, and says so
            folder.write_status("running")
        with telling_of_the_home(folder.path), open(folder.log, "ab", opener=private.opener) as log:
            return subprocess.Popen(
                command("gradtui.runs.sweeps.sweeper", folder.path, str(lock)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder.path,
                env=environment(),
                start_new_session=True,
                pass_fds=[lock],
            )


class Sweeper:
    """Works off a sweep that this process owns."""

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

    def work_off(self) -> None:
        """Run what is left of the sweep, until the end or until it is asked to stop. Raises OSError, DamagedRun."""
        self._folder.write_status("running")
        self._folder.reserve()
        self._adopt()
        self._train(self._sweep.left_to_do())
        if self._folder.gone:
            raise HomeError(f"GRADTUI_HOME: {self._folder.path} is gone")
        sweep = self._sweep
        self._folder.release()
        self._folder.write_status("finished" if sweep.finished + sweep.failed == sweep.size else "stopped")

    def _adopt(self) -> None:
        """Wait for the runs that another sweeper has started, and record those that have finished."""
        known = {outcome.cell: outcome for outcome in self._sweep.outcomes}
        for cell, name in self._folder.started().items():
            outcome = known.get(cell)
            if outcome is not None and (outcome.counts or outcome.run == name):
                continue
            run = RunFolder(runs_directory() / name)
            if not self._is_of(run, cell):
                continue
            while _is_in_progress(run):
                if self._stopping:
                    _ask_to_stop(run, None)
                self._rest()
            adopted = _outcome(self._sweep, cell, run)
            if adopted is not None and adopted.counts:
                self._record(adopted)
            else:
                with suppress(HomeError):  # a warm supervisor that is only now handed this run ends it at once
                    run.request_stop()

    def _is_of(self, run: RunFolder, cell: Cell) -> bool:
        """Whether a run is the one of a cell; False where somebody has removed it."""
        try:
            return run.read().settings == self._reader.sweep.settings(cell)
        except DamagedRun:
            return run.path.is_dir()

    def _train(self, cells: Sequence[Cell]) -> None:
        following: WarmSupervisor | None = None
        try:
            for place, cell in enumerate(cells):
                if self._stopping:
                    break
                supervisor = following or WarmSupervisor()
                following = None  # it is used up, also where the next cannot be started
                following = WarmSupervisor() if place + 1 < len(cells) else None
                self._run(cell, supervisor)
        finally:
            if following is not None:
                following.end()
                following.process.wait()

    def _run(self, cell: Cell, supervisor: WarmSupervisor) -> None:
        """One run of the grid; it has no outcome where it was stopped."""
        run = create_run(self._reader.sweep.settings(cell))
        run.mark_seen()  # it is the sweep that is looked at
        try:
            self._folder.note_start(cell, run.id)
        except SweepNotWritten:
            shutil.rmtree(run.path, ignore_errors=True)  # it has not begun, and will not
            raise
        process = supervisor.start(run)
        while process.poll() is None:
            if self._stopping:
                _ask_to_stop(run, process)
            self._rest()
        outcome = _outcome(self._reader.sweep, cell, run)
        if outcome is not None and not self._folder.gone:
            self._record(outcome)

    def _record(self, outcome: Outcome) -> None:
        replacing = any(known.cell == outcome.cell for known in self._sweep.outcomes)
        self._folder.add(outcome, replacing_another=replacing)

    def _rest(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._folder.beat()
            self._next_beat = time.monotonic() + BEAT_SECONDS
        time.sleep(POLL_SECONDS)


def _is_in_progress(run: RunFolder) -> bool:
    try:
        return run.observe().live
    except DamagedRun:
        return bool(is_held(run.path / "alive"))  # its run.json may be back in a moment


def _ask_to_stop(run: RunFolder, supervisor: subprocess.Popen[bytes] | None) -> None:
    try:
        run.request_stop()
    except HomeError:  # there is no room for a request, or no folder any more
        if supervisor is not None:
            supervisor.terminate()


def _outcome(sweep: Sweep, cell: Cell, run: RunFolder) -> Outcome | None:
    """What a run that has ended came to; None where it was stopped."""
    try:
        reader = RunReader(run)
    except DamagedRun:
        return Outcome(cell, run.id, "failed", math.nan, math.nan)
    while any(reader.advance()):
        pass
    if reader.state.status == "stopped":
        return None
    values = []
    for name, evidence in reader.evidence.items():
        value = evidence.accuracy if sweep.quantity == "accuracy" else evidence.final_loss
        finished = reader.state.variants[name].status == "finished"
        values.append(math.nan if value is None or not finished else value)
    return Outcome(cell, run.id, reader.state.status, values[0], values[1])


def _work_off(folder: SweepFolder) -> int:
    """Work a sweep off that this process owns; its exit code. What goes wrong is one line in the log."""
    try:
        sweeper = Sweeper(folder)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sweeper.request_stop())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sweeper.work_off()
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
    os.umask(0o077)  # what a sweep writes is its user's alone
    folder = SweepFolder(Path(sys.argv[1]).absolute())
    if len(sys.argv) > 2:
        os.set_inheritable(int(sys.argv[2]), False)  # the lock is held until this process ends, and by it alone
        return _work_off(folder)
    try:
        with folder.owned() as lock:
            if lock is not None:
                return _work_off(folder)
    except (HomeError, DamagedRun) as error:
        _say(str(error))
        return 2
    _say(f"{folder.id} is in progress: another sweeper works it off; gradtui sweep --resume {folder.id} follows it")
    return 2


if __name__ == "__main__":
    sys.exit(main())
