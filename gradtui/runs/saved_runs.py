"""The saved runs of a home: create one, list them, find one by its name."""

from __future__ import annotations

import errno
import itertools
import os
import platform
import re
from dataclasses import replace
from datetime import datetime, timezone

import gradtui
from gradtui.printing import nearest, shown
from gradtui.runs.atomic import reason
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError, home_errors, runs_directory, runs_path
from gradtui.runs.liveness import boot_id
from gradtui.runs.nameless import nameless_folder
from gradtui.runs.state import RunState, VariantState
from gradtui.settings import RunSettings

STAMP_LENGTH = len("20261231-235959-999")
"""A run's name begins with the time of its creation, in UTC."""


class UnknownRun(LookupError):
    """A name matches no run, or several; the message says which."""


def create_run(settings: RunSettings) -> RunFolder:
    """Create a run folder; its run.json is written before it gets its name. Raises HomeError, SettingsError."""
    settings = settings.anchored()
    runs = runs_directory()
    stem = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:STAMP_LENGTH] + "-" + settings.experiment
    stem += "-synthetic" if settings.data == "synthetic" else ""
    variants = {name: VariantState(policy) for name, policy in zip(settings.variants, settings.policies, strict=True)}
    versions = {"gradtui": gradtui.__version__, "python": platform.python_version()}
    state = RunState(id="", settings=settings, variants=variants, versions=versions, host=platform.node(), boot=boot_id())
    with home_errors(runs.parent), nameless_folder(runs) as nameless, home_errors(runs.parent):
        RunFolder(nameless).reserve()
        for count in itertools.count(1):
            folder = RunFolder(runs / (stem if count == 1 else f"{stem}-{count}"))
            RunFolder(nameless).write(replace(state, id=folder.id))
            try:
                nameless.rename(folder.path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            else:
                break
    return folder


def all_runs() -> list[RunFolder]:
    """All run folders in the home, newest first. Raises HomeError."""
    runs = runs_path()
    try:
        names = sorted(
            (e.name for e in os.scandir(runs) if os.path.isdir(e) and not e.name.startswith(".")),
            key=by_age,
            reverse=True,
        )
    except FileNotFoundError:  # no run has been created yet
        return []
    except OSError as error:
        raise HomeError(f"GRADTUI_HOME: the runs in {runs.parent} cannot be listed ({reason(error)})") from None
    return [RunFolder(runs / name) for name in names]


def by_age(name: str) -> tuple[str, int, str]:
    """A sort key. Names begin with a time in milliseconds; within one millisecond, a higher counter means newer."""
    count = name.rpartition("-")[2]
    return name[:STAMP_LENGTH], int(count) if re.fullmatch("[0-9]{1,5}", count) and len(name) > STAMP_LENGTH else 1, name


def find_run(name: str) -> RunFolder:
    """Find the run that ``name`` means: an id, a unique prefix of one, or ``last``. Raises UnknownRun, HomeError."""
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
    some = ", ".join(run.label for run in matches[:3]) + (", ..." if len(matches) > 3 else "")
    raise UnknownRun(f"RUN: got {shown(name)}; {len(matches)} runs begin with that ({some}); type more of it")
