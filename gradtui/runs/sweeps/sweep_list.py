"""Create and find the sweeps of a home."""

from __future__ import annotations

import itertools
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gradtui.catalog import OPTIMIZERS
from gradtui.printing import nearest, shown
from gradtui.runs.folder import RUN_ID
from gradtui.runs.home import HomeError, home_errors, runs_directory
from gradtui.runs.liveness import boot_id
from gradtui.runs.saved_runs import STAMP_LENGTH, UnknownRun, by_age
from gradtui.runs.sweeps.grid import Sweep, is_of_optimizer
from gradtui.runs.sweeps.sweep_folder import SweepFolder, check_grid
from gradtui.runs.sweeps.sweep_rows import SweepNotWritten
from gradtui.settings import SETTINGS, RunSettings, SettingsError

MOST_VALUES = 1000
"""Most learning rates or seeds in a grid."""


def sweeps_directory() -> Path:
    """The folder that contains all sweeps; created if necessary. Raises HomeError."""
    path = runs_directory().parent / "sweeps"
    with home_errors(path):
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def create_sweep(given: Mapping[str, object], optimizers: str, lrs: str, seeds: str) -> SweepFolder:
    """Create a sweep from typed values. Raises SettingsError that names the invalid value, HomeError."""
    sweep = _grid(given, optimizers, lrs, seeds)
    stem = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:STAMP_LENGTH] + f"-{sweep.base['experiment']}"
    sweeps = sweeps_directory()
    for count in itertools.count(1):
        folder = SweepFolder(sweeps / (stem if count == 1 else f"{stem}-{count}"))
        with home_errors(sweeps):
            try:
                folder.path.mkdir(mode=0o700)
                break
            except FileExistsError:  # another one was created in the same millisecond
                continue
    try:
        folder.write(sweep)
    except SweepNotWritten as error:
        with suppress(OSError):
            folder.path.rmdir()
        raise HomeError(f"GRADTUI_HOME: {error}") from None
    return folder


def _grid(given: Mapping[str, object], optimizers: str, lrs: str, seeds: str) -> Sweep:
    base = RunSettings.parse({k: v for k, v in given.items() if k not in ("optimizer", "lr", "seed", "seeds")}).as_dict()
    chosen = {name: value for name, value in base.items() if not is_of_optimizer(name)}
    for name in ("optimizer", "lr", "seed", "seeds", "timing_probe"):
        chosen.pop(name, None)
    names = list(OPTIMIZERS) if optimizers.strip().lower() == "all" else optimizers.split(",")
    grid_optimizers = [str(_parsed("optimizers", SETTINGS["optimizer"].parse, name)) for name in names]
    grid_lrs = [float(str(_parsed("lrs", SETTINGS["lr"].parse, lr))) for lr in lrs.split(",")]
    if len(grid_lrs) > MOST_VALUES:
        raise SettingsError({"lrs": f"got {len(grid_lrs):,} learning rates; takes at most {MOST_VALUES:,}"})
    count = _parsed("seeds", SETTINGS["epochs"].kind.parse, seeds)
    if not isinstance(count, int) or count > MOST_VALUES:
        raise SettingsError({"seeds": f"got {shown(seeds)}; takes a whole number from 1 to {MOST_VALUES:,}"})
    first = int(str(_parsed("seed", SETTINGS["seed"].parse, str(given.get("seed", SETTINGS["seed"].default)))))
    sweep = Sweep(
        id="",
        base=chosen,
        optimizers=list(dict.fromkeys(grid_optimizers)),  # a repeated value is one cell
        lrs=list(dict.fromkeys(grid_lrs)),
        seeds=list(range(first, first + count)),
        host=platform.node(),
        boot=boot_id(),
    )
    check_grid(sweep)
    return sweep


def _parsed(name: str, parse: Any, raw: str) -> object:
    try:
        return parse(raw.strip())
    except ValueError as error:
        raise SettingsError({name: str(error) or f"got {shown(raw)}; takes a whole number from 1 to 1,000"}) from None


def all_sweeps() -> list[SweepFolder]:
    """The sweeps in the home, newest first. Anything else there is skipped. Raises HomeError."""
    sweeps = sweeps_directory()
    try:
        names = [entry.name for entry in os.scandir(sweeps) if RUN_ID.fullmatch(entry.name)]
    except OSError as error:
        raise HomeError(f"GRADTUI_HOME: its sweeps cannot be listed ({os.strerror(error.errno or 0)})") from None
    made_here = (name for name in names if not name.startswith(".") and os.path.lexists(sweeps / name / "sweep.json"))
    return [SweepFolder(sweeps / name) for name in sorted(made_here, key=by_age, reverse=True)]


def find_sweep(name: str) -> SweepFolder:
    """Find the sweep that ``name`` means: an id, a unique prefix of one, or ``last``. Raises UnknownRun, HomeError."""
    sweeps = all_sweeps()
    if name == "last":
        if not sweeps:
            raise UnknownRun("SWEEP: got last; there are no sweeps yet")
        return sweeps[0]
    matches = [sweep for sweep in sweeps if sweep.id == name] or [s for s in sweeps if name and s.id.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise UnknownRun(f"SWEEP: got {shown(name)}; no sweep has this id{nearest(name, [sweep.id for sweep in sweeps])}")
    some = ", ".join(sweep.id for sweep in matches[:3]) + (", ..." if len(matches) > 3 else "")
    raise UnknownRun(f"SWEEP: got {shown(name)}; {len(matches)} sweeps begin with that ({some}); type more of it")
