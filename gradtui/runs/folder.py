"""The run folder: the one place where a run lives, written by its processes and read by everybody else.

``$GRADTUI_HOME/runs/<id>/`` holds

- ``run.json``: the settings, the status, how each variant ended (:class:`RunState`); always whole;
- ``<variant>.csv``: a row per optimizer step; ``<variant>.epochs.csv``: a row per epoch, where there is test data;
- ``<variant>.log`` and ``supervisor.log``: what the processes printed;
- ``<variant>.timing.csv``: the slices of the timing probe;
- ``<variant>.scalars.csv``: what a script has logged with ``gradtui.log``; ``<variant>.notes``: what must be known of how a
  script ran, a line each;
- ``stop``, ``pause`` and ``step``: requests to the supervisor, empty files;
- ``alive``: locked for as long as the supervisor lives.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import os
import platform
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

import platformdirs

import gradtui
from gradtui.runs.atomic import replacing
from gradtui.settings import RunSettings, SettingsError, nearest, shown

STEP_COLUMNS = ("step", "epoch", "loss", "grad_norm", "seconds")
GRADIENT_COLUMNS = ("fresh_grad_norm", "cosine")
SCRIPT_COLUMNS = ("optimizer",)
EPOCH_COLUMNS = ("epoch", "step", "test_loss", "accuracy")
TIMING_COLUMNS = ("slice", "block", "side", "seconds_per_batch")

RUN_STATUSES = ("running", "paused", "finished", "stopped", "failed")
LIVE_STATUSES = ("running", "paused")
STAMP_LENGTH = len("20261231-235959-999")
FORMAT = 1
"""The version of this layout; a folder of a newer one is not guessed at."""


class HomeError(OSError):
    """GRADTUI_HOME cannot be used; the message says why."""


class DamagedRun(ValueError):
    """The folder's run.json is missing or cannot be understood; the message says why."""


class UnknownRun(LookupError):
    """No run, or more than one, is meant by a name; the message says which."""


def now() -> str:
    """The time as it is written to run.json: ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class VariantState:
    """One side of a run: its policy, how far it is, and how it ended (``reason`` says why it failed).

    ``memory_first_mb`` and ``memory_last_mb`` are what it held when its first and its last turn ended, in 10**6 bytes.
    """

    policy: str
    status: str = "running"
    steps: int = 0
    peak_memory_mb: float | None = None
    memory_first_mb: float | None = None
    memory_last_mb: float | None = None
    reason: str | None = None
    pid: int | None = None


@dataclass(frozen=True)
class RunState:
    """What run.json holds. ``device`` is the one that the training runs on, ``device_name`` the hardware's name."""

    id: str
    settings: RunSettings
    status: str = "running"
    variants: Mapping[str, VariantState] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    device_name: str | None = None
    host: str | None = None
    created: str = field(default_factory=now)
    started: str | None = None
    ended: str | None = None
    note: str | None = None

    @property
    def live(self) -> bool:
        """Whether run.json says that the run has not ended."""
        return self.status in LIVE_STATUSES

    def to_json(self) -> str:
        document = {"format": FORMAT, **asdict(self), "settings": self.settings.as_dict()}
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunState:
        """The state that ``text`` holds; raises DamagedRun where it holds none."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DamagedRun(f"not JSON ({error.__class__.__name__})") from None
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise DamagedRun(f"not of format {FORMAT}")
        try:
            settings = RunSettings.parse(_dict(document.pop("settings", None)))
            variants = {
                str(name): VariantState(**_typed(VariantState, _dict(value)))
                for name, value in _dict(document.pop("variants", None)).items()
            }
            state = cls(settings=settings, variants=variants, **_typed(cls, document))
        except SettingsError as error:
            raise DamagedRun(str(error)) from None
        except TypeError as error:
            raise DamagedRun(f"a field is missing or of the wrong type ({error})") from None
        if state.status not in RUN_STATUSES or tuple(variants) != settings.variants:
            raise DamagedRun("its status or its variants are not known")
        return state


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "float | None": (float, int, type(None)),
    "Mapping[str, str]": (dict,),
}


def _typed(cls: type, document: dict[str, Any]) -> dict[str, Any]:
    """``document`` if its values have the types that the fields of ``cls`` declare; TypeError where one has not."""
    annotations = cls.__annotations__
    for name, value in document.items():
        if (
            name not in annotations
            or not isinstance(value, _TYPES.get(annotations[name], ()))
            or value is True
            or value is False
        ):
            raise TypeError(shown(name))
        if isinstance(value, dict) and not all(isinstance(text, str) for text in value.values()):
            raise TypeError(name)
    return document


@dataclass(frozen=True)
class RunFolder:
    """A run on disk. Whoever has its path can read it; only its supervisor and its workers write to it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    def steps_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.csv"

    def epochs_csv(self, variant: str) -> Path:
        return self.path / f"{variant}.epochs.csv"

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
        """The state as last written; raises DamagedRun."""
        try:
            with open(self.path / "run.json", encoding="utf-8") as file:
                text = file.read(1_000_001)
        except (OSError, UnicodeDecodeError) as error:
            raise DamagedRun(f"{self.id}: run.json cannot be read ({error.__class__.__name__})") from None
        if len(text) > 1_000_000:
            raise DamagedRun(f"{self.id}: run.json is too large")
        state = RunState.from_json(text)
        if state.id != self.id:
            raise DamagedRun(f"{self.id}: run.json is another run's")
        return state

    def observe(self) -> RunState:
        """The state as it is: ``lost`` where run.json says that the run goes on and no supervisor lives. Raises DamagedRun."""
        supervised = self.is_supervised()  # asked first: a supervisor writes the end to run.json, then lets go
        state = self.read()
        return state if supervised or not state.live else replace(state, status="lost")

    def write(self, state: RunState) -> None:
        with replacing(self.path / "run.json") as file:
            file.write(state.to_json())

    # Requests: whoever may write to the folder may ask; the supervisor looks for these files.

    def request_stop(self) -> None:
        (self.path / "stop").touch()

    def request_pause(self) -> None:
        (self.path / "pause").touch()

    def request_resume(self) -> None:
        (self.path / "pause").unlink(missing_ok=True)

    def request_step(self) -> None:
        """One step of both variants, while the run is paused."""
        (self.path / "step").touch()

    def take_step_request(self) -> bool:
        """Whether a step was asked for; asked once, it is answered once."""
        try:
            (self.path / "step").unlink()
        except FileNotFoundError:
            return False
        return True

    @property
    def stop_requested(self) -> bool:
        return (self.path / "stop").exists()

    @property
    def pause_requested(self) -> bool:
        return (self.path / "pause").exists()

    @contextmanager
    def alive(self) -> Iterator[int]:
        """The lock of a run that is supervised, and the file descriptor that holds it.

        The kernel lets go of it when the last process that has the descriptor ends, in whatever way it ends.
        """
        with open(self.path / "alive", "a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield file.fileno()

    def is_supervised(self) -> bool:
        """Whether a supervisor lives."""
        try:
            with open(self.path / "alive", "r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def last_row(self, variant: str) -> list[str] | None:
        """The fields of the variant's last whole row, found from the end of the file; None where there is none."""
        try:
            with open(self.steps_csv(variant), "rb") as file:
                whole, _, _ = _last_bytes(file, 4096).rpartition(b"\n")
        except OSError:
            return None
        fields = whole.rpartition(b"\n")[2].decode("ascii", "replace").split(",")
        return fields if len(fields) >= len(STEP_COLUMNS) and fields[0].isdecimal() else None

    def count_steps(self, variant: str) -> int:
        """How many steps the variant's file holds."""
        row = self.last_row(variant)
        return int(row[0]) if row else 0

    def last_log_lines(self, variant: str, count: int = 12) -> list[str]:
        """The last lines that a variant's process printed, fit for a screen: no control characters, no blank lines."""
        try:
            with open(self.log(variant), "rb") as file:
                tail = _last_bytes(file, 16_384)
        except OSError:
            return []
        lines = tail.decode("utf-8", "replace").splitlines()
        clean = ("".join(c if c.isprintable() else " " for c in line).rstrip() for line in lines)
        return [line for line in clean if line][-count:]


def _last_bytes(file: IO[bytes], count: int) -> bytes:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - count))
    return file.read()


def runs_directory() -> Path:
    """Where run folders live, made where it is missing. Raises HomeError where it cannot be used."""
    named = os.environ.get("GRADTUI_HOME")
    home = Path(named) if named else platformdirs.user_data_path("gradtui")
    runs = home.absolute() / "runs"
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeError(f"GRADTUI_HOME: {home} cannot be used ({os.strerror(error.errno or 0)})") from None
    if not os.access(runs, os.W_OK | os.X_OK):
        raise HomeError(f"GRADTUI_HOME: {home} cannot be written to; name a folder that can")
    return runs


def create_run(settings: RunSettings) -> RunFolder:
    """A new run folder, its run.json written before it gets its name. Raises HomeError, SettingsError."""
    settings = settings.anchored()
    runs = runs_directory()
    stem = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:STAMP_LENGTH] + "-" + settings.experiment
    stem += "-synthetic" if settings.data == "synthetic" else ""
    variants = {name: VariantState(policy) for name, policy in zip(settings.variants, settings.policies, strict=True)}
    versions = {"gradtui": gradtui.__version__, "python": platform.python_version()}
    try:
        nameless = Path(tempfile.mkdtemp(prefix=".new-", dir=runs))
        for count in itertools.count(1):
            folder = RunFolder(runs / (stem if count == 1 else f"{stem}-{count}"))
            state = RunState(id=folder.id, settings=settings, variants=variants, versions=versions, host=platform.node())
            RunFolder(nameless).write(state)
            try:
                nameless.rename(folder.path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            else:
                break
    except OSError as error:
        raise HomeError(f"GRADTUI_HOME: {runs.parent} cannot be written to ({os.strerror(error.errno or 0)})") from None
    return folder


def all_runs() -> list[RunFolder]:
    """Every folder in the home, newest first."""
    try:
        names = sorted(
            (e.name for e in os.scandir(runs_directory()) if e.is_dir() and not e.name.startswith(".")),
            key=_by_age,
            reverse=True,
        )
    except OSError as error:
        raise HomeError(f"GRADTUI_HOME: its runs cannot be listed ({os.strerror(error.errno or 0)})") from None
    return [RunFolder(runs_directory() / name) for name in names]


def _by_age(name: str) -> tuple[str, int, str]:
    """Names begin with their time, to the millisecond; of several made in one, the one counted higher is newer."""
    count = name.rpartition("-")[2]
    return name[:STAMP_LENGTH], int(count) if re.fullmatch("[0-9]{1,5}", count) and len(name) > STAMP_LENGTH else 1, name


def find_run(name: str) -> RunFolder:
    """The run that ``name`` means: an id, a unique beginning of one, or ``last``. Raises UnknownRun, HomeError."""
    runs = all_runs()
    if name == "last":
        if not runs:
            raise UnknownRun("RUN: got last; there are no runs yet")
        return runs[0]
    matches = [run for run in runs if run.id == name] or [run for run in runs if name and run.id.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        hint = nearest(name, [run.id for run in runs]) or "; gradtui list shows the runs"
        raise UnknownRun(f"RUN: got {shown(name)}; no run has this id{hint}")
    some = ", ".join(run.id for run in matches[:3]) + (", ..." if len(matches) > 3 else "")
    raise UnknownRun(f"RUN: got {shown(name)}; {len(matches)} runs begin so ({some}); type more of it")


def with_variant(state: RunState, name: str, **changes: Any) -> RunState:
    """``state`` with some fields of one variant changed."""
    return replace(state, variants={**state.variants, name: replace(state.variants[name], **changes)})
