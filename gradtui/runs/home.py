"""The home: the folder that contains all runs. It may be read-only, or not exist yet."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from gradtui import private
from gradtui.runs.atomic import reason

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class HomeError(OSError):
    """GRADTUI_HOME cannot be used; the message says why."""


def _home() -> Path:
    named = os.environ.get("GRADTUI_HOME")
    return (Path(named) if named else platformdirs.user_data_path("gradtui")).absolute()


def runs_path() -> Path:
    """The folder to read runs from. It may not exist."""
    return _home() / "runs"


def runs_directory() -> Path:
    """The folder to create runs in; created if necessary. Raises HomeError if no run can be created there."""
    runs = runs_path()
    try:
        private.make_folder(runs)
    except OSError as error:
        raise _home_error(runs.parent, error, "used") from None
    if not os.access(runs, os.W_OK | os.X_OK):
        raise HomeError(f"GRADTUI_HOME: {runs.parent} is read-only; name a folder that you can write to")
    return runs


def check_home() -> None:
    """Raise HomeError if runs can be neither created nor read."""
    try:
        runs_directory()
    except HomeError:
        if not os.path.isdir(runs_path()) or not os.access(runs_path(), os.R_OK | os.X_OK):
            raise


@contextmanager
def home_errors(path: Path) -> Iterator[None]:
    """Raise HomeError instead of any OSError; ``path`` is the part of the home that is being written to."""
    try:
        yield
    except HomeError:
        raise
    except OSError as error:
        raise _home_error(path, error, "written to") from None


def _home_error(path: Path, error: OSError, used: str) -> HomeError:
    if error.errno in READ_ONLY and os.path.isdir(path):
        return HomeError(f"GRADTUI_HOME: {path} is read-only ({reason(error)})")
    return HomeError(f"GRADTUI_HOME: {path} cannot be {used} ({reason(error, path)})")
