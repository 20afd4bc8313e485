"""The folder of a sweep, ``$GRADTUI_HOME/sweeps/<id>/``.

It contains

- ``sweep.json``: the grid, the status, and where the sweeper runs; always complete;
- ``sweep.csv``: a row for each cell whose run has ended; ``started.csv``: which run was started for which cells, a row for
  each, written before that run begins, so that the next sweeper knows it after a crash;
- ``sweeper.log``: what the sweeper printed;
- ``stop``: a request to the sweeper, an empty file;
- ``alive``: locked and touched by the sweeper that owns the sweep; its starter takes the lock and the sweeper inherits it,
  so that there are never two sweepers, or none (see liveness.py);
- ``reserve``: disk space for the last sweep.json while the sweep is running.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gradtui import private
from gradtui.runs.append import not_written
from gradtui.runs.atomic import replacing
from gradtui.runs.export.csv_lines import whole_lines
from gradtui.runs.export.destination import exporting
from gradtui.runs.folder import LARGEST_STATE
from gradtui.runs.home import home_errors
from gradtui.runs.liveness import beat, boot_id, held_alone, is_held, lives
from gradtui.runs.reserve import release, reserve
from gradtui.runs.safe_open import open_regular
from gradtui.runs.state import DamagedRun
from gradtui.runs.sweeps.grid import Cell, Outcome, Sweep, latest
from gradtui.runs.sweeps.sweep_rows import (
    STARTED_COLUMNS,
    SWEEP_COLUMNS,
    SweepNotWritten,
    append_rows,
    outcome_row,
    read_outcome,
    read_started,
    replace_rows,
    started_row,
)
from gradtui.runs.tail import NewLines
from gradtui.settings import SETTINGS, SettingsError

WRITTEN_STATUSES = ("running", "finished", "stopped")
LARGEST_GRID = 100_000
"""Most cells in a grid."""


class SweepFolder:
    """A sweep on disk. Anyone with its path can read it; only the sweeper that owns it writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def csv(self) -> Path:
        return self.path / "sweep.csv"

    @property
    def log(self) -> Path:
        return self.path / "sweeper.log"

    @property
    def gone(self) -> bool:
        """Whether the folder was removed. A temporarily unreachable folder is not gone."""
        try:
            os.stat(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False

    @property
    def stop_requested(self) -> bool:
        return os.path.lexists(self.path / "stop")  # False if unreachable: checked again a moment later

    def request_stop(self) -> None:
        """Ask the sweeper to stop. Raises HomeError."""
        with home_errors(self.path):
            private.touch(self.path / "stop")

    @contextmanager
    def owned(self) -> Iterator[int | None]:
        """Own the sweep and clear earlier stop requests; yields None if another sweeper owns it.

        Yields the lock's file descriptor; a process that inherits it owns the sweep. Raises DamagedRun, HomeError.
        """
        if self.status() == "running":
            yield None  # also on another machine, whose lock cannot be seen here
            return
        with ExitStack() as stack:
            with home_errors(self.path):
                descriptor = stack.enter_context(held_alone(self.path / "alive"))
                if descriptor is not None:
                    (self.path / "stop").unlink(missing_ok=True)
            yield descriptor

    def beat(self) -> None:
        """Show other machines that the sweeper is alive."""
        beat(self.path / "alive")

    def reserve(self) -> None:
        """Reserve disk space, so that the last sweep.json can be written even on a full disk."""
        reserve(self.path)

    def release(self) -> None:
        release(self.path)

    def status(self) -> str:
        """``running``, ``finished``, ``stopped`` or ``lost``. Fast: does not check the grid. Raises DamagedRun."""
        alive = self.path / "alive"
        for _ in range(2):  # the sweeper may write the end and release its lock in between
            if is_held(alive):
                return "running"  # also while it is being started, or about to end
            document = self._document()
            status, host, boot = document.get("status"), document.get("host"), document.get("boot")
            if status not in WRITTEN_STATUSES or not all(text is None or isinstance(text, str) for text in (host, boot)):
                raise DamagedRun(f"{self.id}: sweep.json cannot be used (its status is not known)")
            if status != "running":
                return str(status)
            if lives(alive, alive, boot, host):
                return "running"
        return "lost"

    def read(self) -> Sweep:
        """Read the current state of the sweep. Raises DamagedRun."""
        reader = SweepReader(self)
        status = self.status()
        reader.advance()  # only after the status: if that is finished, all rows are there
        return replace(reader.sweep, status=status)

    def read_grid(self) -> Sweep:
        """Read and check sweep.json. Raises DamagedRun."""
        try:
            sweep = Sweep(**{**self._document(), "id": self.id, "outcomes": ()})
            check_grid(sweep)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if isinstance(error, DamagedRun):
                raise
            raise DamagedRun(f"{self.id}: sweep.json cannot be used ({type(error).__name__})") from None
        return replace(
            sweep,
            optimizers=list(dict.fromkeys(sweep.optimizers)),  # a repeated value is one cell
            lrs=list(dict.fromkeys(map(float, sweep.lrs))),
            seeds=list(dict.fromkeys(sweep.seeds)),
        )

    def _document(self) -> dict[str, Any]:
        try:
            with open_regular(self.path / "sweep.json") as file:
                document = json.loads(file.read(LARGEST_STATE))
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedRun(f"{self.id}: sweep.json cannot be read ({type(error).__name__})") from None
        if not isinstance(document, dict):
            raise DamagedRun(f"{self.id}: sweep.json cannot be used (not an object)")
        return document

    def write(self, sweep: Sweep) -> None:
        """Replace sweep.json. Raises SweepNotWritten."""
        document = asdict(replace(sweep, outcomes=()))
        del document["outcomes"]
        try:
            with replacing(self.path / "sweep.json") as file:
                file.write(json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise SweepNotWritten(not_written(self.path / "sweep.json", error)) from None

    def write_status(self, status: str) -> None:
        """Write this status to sweep.json, with this machine's host and boot. Raises DamagedRun, SweepNotWritten."""
        self.write(replace(self.read_grid(), status=status, host=platform.node(), boot=boot_id()))

    def add(self, outcomes: Sequence[Outcome], *, replacing_others: bool = False) -> None:
        """Write the rows of these cells; ``replacing_others`` replaces their earlier rows. Raises SweepNotWritten."""
        rows = [*map(outcome_row, outcomes)]
        if not replacing_others:
            append_rows(self.csv, SWEEP_COLUMNS, rows)
            return
        cells = {outcome.cell for outcome in outcomes}

        def superseded(line: str) -> bool:
            old = read_outcome(line)
            return old is not None and old.cell in cells

        replace_rows(self.csv, SWEEP_COLUMNS, rows, superseded)

    def note_start(self, cells: Iterable[Cell], run: str) -> None:
        """Record that a run is about to begin for these cells. Raises SweepNotWritten."""
        append_rows(self.path / "started.csv", STARTED_COLUMNS, [started_row(cell, run) for cell in cells])

    def started(self) -> dict[Cell, str]:
        """The last run started for each cell. Raises DamagedRun."""
        rows = map(read_started, whole_lines(self.path / "started.csv"))
        return dict(row for row in rows if row is not None)


class SweepReader:
    """Follows a sweep. The grid is read and checked once; after that only the new rows of sweep.csv are read."""

    def __init__(self, folder: SweepFolder) -> None:
        """Read and check the grid. Raises DamagedRun."""
        self.folder = folder
        self._grid = folder.read_grid()
        self._cells = set(self._grid.optimizers), set(self._grid.lrs), set(self._grid.seeds)
        self._outcomes: dict[Cell, Outcome] = {}
        self._file: int | None = None
        self._lines = NewLines(folder.csv)

    @property
    def sweep(self) -> Sweep:
        """The sweep as read so far, with the status that sweep.json had at the start."""
        return replace(self._grid, outcomes=tuple(self._outcomes.values()))

    def advance(self) -> list[Outcome]:
        """Read the new rows and return the outcomes that changed. Rows that do not fit the grid are skipped."""
        self._look_for_another_file()
        found: list[Outcome] = []
        while (text := self._lines.read()) is not None:
            outcomes = map(read_outcome, text.decode("ascii", "replace").split("\n"))
            found += [outcome for outcome in outcomes if outcome is not None and self.fits(outcome.cell)]
        new = [outcome for outcome in latest(found).values() if self._is_news(outcome)]
        self._outcomes.update((outcome.cell, outcome) for outcome in new)
        return new

    def _is_news(self, outcome: Outcome) -> bool:
        known = self._outcomes.get(outcome.cell)
        same = known is not None and (known.run, known.status) == (outcome.run, outcome.status)
        return not same and outcome.supersedes(known)

    def _look_for_another_file(self) -> None:
        """Start over if sweep.csv has become a new file, because a row was replaced."""
        with suppress(OSError):
            file = os.stat(self.folder.csv).st_ino
            if file != self._file:
                self._file, self._lines = file, NewLines(self.folder.csv)

    def fits(self, cell: Cell) -> bool:
        """Whether it is a cell of the grid."""
        optimizers, lrs, seeds = self._cells
        return cell.optimizer in optimizers and cell.lr in lrs and cell.seed in seeds


def check_grid(sweep: Sweep) -> None:
    """Raise SettingsError if a run of the grid has invalid settings, TypeError if a field has the wrong type.

    Does not check every cell: settings differ only in optimizer, learning rate and seed, which are independent.
    """
    fields = (sweep.optimizers, sweep.lrs, sweep.seeds)
    if not all(isinstance(values, list) and values for values in fields):
        raise TypeError
    if sweep.size > LARGEST_GRID:
        raise SettingsError({"seeds": f"got {sweep.size:,} cells in all; takes at most {LARGEST_GRID:,}"})
    if not all(isinstance(number, kind) and not isinstance(number, bool) for number, kind in _numbers(sweep)):
        raise TypeError
    for optimizer in sweep.optimizers:
        settings = sweep.settings(Cell(optimizer, sweep.lrs[0], sweep.seeds[0]))
        if (settings.experiment, settings.optimizer) != (sweep.base["experiment"], optimizer):
            raise TypeError  # another spelling, allowed in a form but not in a file
    for name, values in (("lr", sweep.lrs), ("seed", sweep.seeds)):
        for value in values:
            try:
                SETTINGS[name].parse(value)
            except ValueError as error:
                raise SettingsError({name: str(error)}) from None


def _numbers(sweep: Sweep) -> Iterator[tuple[object, type | tuple[type, ...]]]:
    yield from ((lr, (int, float)) for lr in sweep.lrs)
    yield from ((seed, int) for seed in sweep.seeds)


def export_sweep(sweep: Sweep, path: Path) -> int:
    """Write the outcomes to a CSV file atomically, a row per cell; return the number of rows. Raises ExportError."""
    with exporting(path) as file:
        file.write(",".join(SWEEP_COLUMNS) + "\n")
        file.writelines(f"{outcome_row(outcome)}\n" for outcome in sweep.outcomes)
    return len(sweep.outcomes)
