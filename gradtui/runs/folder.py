"""The run folder: the only place that stores a run, written by its processes and read by everything else.

``$GRADTUI_HOME/runs/<id>/`` contains

- ``run.json``: the settings, the status, and how each variant ended (:class:`RunState`); always complete;
- ``<variant>.csv``: a row per optimizer step; ``<variant>.epochs.csv``: a row per epoch, if there is test data;
- ``<variant>.seeds.csv``, ``<variant>.seeds.epochs.csv``: a column per seed of a run of several seeds, whose other files
  have the medians over the seeds;
- ``<variant>.packed``: a packed copy of a long ``<variant>.csv``, for readers that need all of it: see packed.py;
- ``<variant>.log`` and ``supervisor.log``: what the processes printed;
- ``<variant>.timing.csv``: the slices of the timing probe;
- ``<variant>.scalars.csv``: values that a script logged with ``gradtui.log``; ``<variant>.notes``: caveats about how a script
  ran, one per line;
- ``stop``, ``pause`` and ``step``: requests to the supervisor, empty files;
- ``seen``: an empty file that says that the end of the run was shown to the user;
- ``alive``: locked, and touched every two seconds, while the supervisor is alive; ``starting``: locked before that;
- ``reserve``: disk space for the last run.json, from the start of the run to its end.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gradtui import private
from gradtui.printing import shown
from gradtui.runs.atomic import replacing
from gradtui.runs.columns import STEPS
from gradtui.runs.home import home_errors
from gradtui.runs.liveness import beat, held, in_use, lives
from gradtui.runs.reserve import release, reserve
from gradtui.runs.safe_open import last_bytes, open_regular, printable_lines
from gradtui.runs.state import DamagedRun, DeletedRun, RunState

LARGEST_STATE = 1_000_000  # most bytes of run.json to read; ours have about 2,000
LONGEST_NOTE = 300  # characters
PASSING = (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EAGAIN)
"""Errors of a network file system that may be gone a moment later."""
RETRY_SECONDS = 0.05
RUN_ID = re.compile(r"[0-9A-Za-z_.-]{1,100}")
"""The pattern of a run folder's name, which appears unescaped in file names, in CSV rows and on the screen."""


@dataclass(frozen=True)
class RunFolder:
    """A run on disk. Anyone with its path can read it; only its supervisor and its workers write to it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def label(self) -> str:
        """The id in printable form, since a damaged folder can have any name."""
        return self.id if RUN_ID.fullmatch(self.id) else shown(self.id)

    def steps_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.csv"

    def packed(self, variant: str) -> Path:
        return self.path / f"{variant}.packed"

    def epochs_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.epochs.csv"

    def seeds_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.seeds.csv"

    def seed_epochs_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.seeds.epochs.csv"

    def timing_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.timing.csv"

    def scalars_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.scalars.csv"

    def notes(self, variant: str) -> Path:
        return self.path / f"{variant}.notes"

    def log(self, variant: str) -> Path:
        return self.path / f"{variant}.log"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"

    def read(self) -> RunState:
        """Read the state as last written. Raises DamagedRun, or DeletedRun if the folder is gone."""
        try:
            return self._read()
        except DamagedRun as error:
            raise DamagedRun(f"{self.label}: {error}") from None
        except FileNotFoundError:
            raise DeletedRun(f"run {self.label} was deleted") from None

    def _read(self) -> RunState:
        if not RUN_ID.fullmatch(self.id):
            raise DamagedRun("no run has such a name")
        try:
            text = self._text_of_state()
        except (OSError, UnicodeDecodeError) as error:
            if self._is_gone(error):
                raise FileNotFoundError from None
            raise DamagedRun(f"run.json cannot be read ({error.__class__.__name__})") from None
        if len(text) > LARGEST_STATE:
            raise DamagedRun("run.json is too large")
        state = RunState.from_json(text)
        if state.id != self.id:
            raise DamagedRun("run.json is another run's")
        return state

    def _is_gone(self, error: Exception) -> bool:
        """Whether ``error`` occurred because the whole folder is gone."""
        return isinstance(error, (FileNotFoundError, NotADirectoryError)) and self.is_gone

    def _text_of_state(self) -> str:
        """Try again what fails for a moment, as on a network home. Raises OSError, UnicodeDecodeError."""
        for last_try in (False, False, False, True):
            try:
                with open_regular(self.path / "run.json") as file:
                    size = os.fstat(file.fileno()).st_size  # asked for no more than there is, Python takes no more memory
                    return file.read(min(size, LARGEST_STATE) + 1).decode()
            except OSError as error:
                if last_try or error.errno not in PASSING:
                    raise
                time.sleep(RETRY_SECONDS)
        raise AssertionError

    def observe(self) -> RunState:
        """Read the actual state: ``lost`` if run.json says that the run is live but its supervisor is dead. Raises DamagedRun.

        The ``note`` of a lost run is the last line of its supervisor's log.
        """
        state = self.read()
        if not state.live or lives(self.path / "alive", self.path / "starting", state.boot, state.host):
            return state
        state = self.read()  # the supervisor may have written the end and released its lock in between
        if not state.live:
            return state
        said = printable_lines(last_bytes(self.supervisor_log))
        return replace(state, status="lost", note=said[-1][:LONGEST_NOTE] if said else state.note)

    def write(self, state: RunState) -> None:
        with replacing(self.path / "run.json") as file:
            file.write(state.to_json())

    def reserve(self) -> None:
        """Reserve disk space and an inode now, so that the last run.json can be written even on a full disk."""
        reserve(self.path)

    def release(self) -> None:
        """Free the reserved space."""
        release(self.path)

    # Requests: anyone who can write to the folder can make one; the supervisor polls for these files. Only the name counts,
    # so a dangling link or a folder is a request too, and nothing is read or written through it.

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise DeletedRun or HomeError instead of any OSError while writing to the folder."""
        with home_errors(self.path):
            try:
                yield
            except OSError as error:
                if self._is_gone(error):
                    raise DeletedRun(f"run {self.label} was deleted") from None
                raise

    def _request(self, name: str) -> None:
        """Leave a request. Raises HomeError, DeletedRun."""
        with self.writing():
            private.touch(self.path / name)

    def request_stop(self) -> None:
        self._request("stop")

    def request_pause(self) -> None:
        self._request("pause")

    def request_resume(self) -> None:
        with self.writing():
            try:
                (self.path / "pause").unlink()
            except FileNotFoundError as error:  # it was not paused
                if self._is_gone(error):
                    raise

    def request_step(self) -> None:
        """Request one step of both variants while the run is paused."""
        self._request("step")

    def take_step_request(self) -> bool:
        """Consume a step request; return whether there was one. A request that is unreachable now is handled later."""
        try:
            (self.path / "step").unlink()
        except OSError:  # no request, or a folder of that name: ignored, since it would be a request forever
            return False
        return True

    def _requested(self, name: str) -> bool | None:
        """Whether there is such a request; None if that is unknown for now, e.g. on an unreachable network home."""
        try:
            (self.path / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return None
        return True

    @property
    def stop_requested(self) -> bool | None:
        return self._requested("stop")

    @property
    def pause_requested(self) -> bool | None:
        return self._requested("pause")

    @property
    def is_gone(self) -> bool:
        """Whether the folder was deleted, rather than temporarily unreachable."""
        try:
            self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def mark_seen(self) -> None:
        """Record that the end of the run was shown to the user."""
        with suppress(OSError):
            private.touch(self.path / "seen")

    @property
    def seen(self) -> bool:
        return os.path.lexists(self.path / "seen")

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Hold the supervisor's lock, so that no other process supervises the run."""
        with held(self.path / "alive"):
            yield

    @contextmanager
    def starting(self) -> Iterator[int]:
        """Hold the ``starting`` lock while starting the supervisor, so that the run never looks lost.

        Yields the file descriptor, which the supervisor may inherit. Raises OSError, also if the supervisor would be unable
        to use its own files.
        """
        self._prepare_start()
        with held(self.path / "starting") as descriptor:
            yield descriptor

    @property
    def in_use(self) -> bool:
        """Whether a process supervises or starts the run, regardless of run.json."""
        return in_use(self.path / "alive", self.path / "starting")

    def _prepare_start(self) -> None:
        for own in (self.path / "alive", self.supervisor_log):
            os.close(private.appending(own))

    def adopt_starting(self, lock: Path) -> None:
        """Make ``lock``, a file in the home that a process holds, the ``starting`` lock of this run. Raises OSError."""
        self._prepare_start()
        beat(lock)
        lock.rename(self.path / "starting")

    def beat(self) -> None:
        """Show other machines that the supervisor is alive."""
        beat(self.path / "alive")

    def last_row(self, variant: str) -> dict[str, float] | None:
        """The variant's last complete row, read from the end of the file, by column; None if there is none."""
        whole, _, _ = last_bytes(self.steps_csv(variant), 4096).rpartition(b"\n")
        fields = whole.rpartition(b"\n")[2].decode("ascii", "replace").split(",")
        columns = [column for column in STEPS.columns if column.required]  # every file begins with these
        try:
            row = {column.name: column.kind.read(field) for column, field in zip(columns, fields, strict=False)}
        except ValueError:
            return None
        return row if len(row) == len(columns) else None

    def count_steps(self, variant: str) -> int:
        """The number of steps in the variant's file."""
        row = self.last_row(variant)
        return int(row["step"]) if row else 0

    def last_log_lines(self, variant: str, count: int = 12) -> list[str]:
        """The last lines that a variant's process printed, ready to display: no control characters, no blank lines."""
        return printable_lines(last_bytes(self.log(variant)))[-count:]
