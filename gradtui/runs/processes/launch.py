"""Start the processes of a run, detached from the terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from gradtui import private
from gradtui.cifar10 import DataMissing
from gradtui.cifar10 import files as cifar10_files
from gradtui.reasons import telling_line
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError, home_errors, runs_directory
from gradtui.runs.liveness import held
from gradtui.runs.nameless import WARM
from gradtui.runs.processes.spawn import holding_back_stops, spawn
from gradtui.runs.state import DamagedRun
from gradtui.script import notebook
from gradtui.script.modules import NoSuchModule, file_of_module
from gradtui.script.notebook import NotANotebook
from gradtui.settings import RunSettings, SettingsError

SUPERVISOR = "gradtui.runs.processes.supervisor"

END_OF_PATH = b"\0"
"""Ends the path that a warm supervisor gets on its standard input: no path has this character."""


class DeviceSearchFailed(RuntimeError):
    """The devices of this machine could not be determined, e.g. because torch cannot be imported; the message says why."""


def start_supervisor(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start the run in ``folder``. Its supervisor gets its own session and outlives this process.

    Raises HomeError, DeletedRun; a run that cannot be started is removed.
    """
    with (
        _starting_or_removed(folder),
        open(folder.supervisor_log, "ab", opener=private.opener) as log,
        folder.starting() as starting,
        holding_back_stops(),
    ):
        return spawn(
            SUPERVISOR,
            folder.path,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            detached=True,
            pass_fds=[starting],  # the supervisor inherits the lock
        )


@contextmanager
def _starting_or_removed(folder: RunFolder) -> Iterator[None]:
    """Remove the run if it cannot be started; it contains nothing yet."""
    try:
        with folder.writing():
            yield
    except (HomeError, DamagedRun):
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def stop(folder: RunFolder, supervisor: subprocess.Popen[bytes] | None) -> None:
    """Ask a run to stop, by a request in its folder or, if that cannot be written, by a signal to its supervisor.

    Raises HomeError, DeletedRun if neither is possible.
    """
    try:
        folder.request_stop()
    except (HomeError, DamagedRun):
        if supervisor is None or supervisor.poll() is not None:
            raise
        supervisor.terminate()


class WarmSupervisor:
    """A supervisor whose workers have imported torch and wait for a run. If it gets none, it ends with its starter.

    It holds a lock on its own file from the start. To hand it a run, :meth:`start` moves this file into the run folder, where
    it marks the run as being started. So the run never looks lost, however slowly the supervisor takes over.
    """

    def __init__(self) -> None:
        """Start the supervisor. Raises HomeError."""
        runs = runs_directory()
        with home_errors(runs):
            descriptor, name = tempfile.mkstemp(prefix=WARM, dir=runs)
            os.close(descriptor)
            self._lock = Path(name)
            with held(self._lock) as lock:
                self.process = spawn(
                    SUPERVISOR, "--warm", self._lock, stdin=subprocess.PIPE, cwd=runs, detached=True, pass_fds=[lock]
                )

    def start(self, folder: RunFolder) -> subprocess.Popen[bytes]:
        """Hand it a run; from then on it outlives this process. If it has died, start a cold supervisor instead.

        Raises HomeError, DeletedRun; a run that cannot be started is removed.
        """
        assert self.process.stdin is not None
        try:
            folder.adopt_starting(self._lock)
            self.process.stdin.write(os.fsencode(folder.path) + END_OF_PATH)
            self.process.stdin.close()
        except OSError:  # it has ended, or its file is gone
            with suppress(OSError):
                self.process.stdin.close()
            self.end()
            return start_supervisor(folder)
        return self.process

    def end(self) -> None:
        """Dismiss it; it ends by itself once it sees that its input is closed."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(OSError):
            self._lock.unlink()


class Starter:
    """Starts runs. After :meth:`warm_up`, which costs memory but no time, the next run starts at once."""

    def __init__(self) -> None:
        self._warm: WarmSupervisor | None = None

    def warm_up(self) -> None:
        """Prepare a supervisor and its workers for the next run. Raises HomeError."""
        if self._warm is None:
            self._warm = WarmSupervisor()

    def start(self, folder: RunFolder) -> subprocess.Popen[bytes]:
        """Start the run in ``folder``; it outlives this process. Raises HomeError, DamagedRun."""
        if self._warm is None or not folder.read().settings.can.start_warm:
            return start_supervisor(folder)
        warm, self._warm = self._warm, None
        try:
            return warm.start(folder)
        except (HomeError, DamagedRun):
            warm.end()
            raise

    def end(self) -> None:
        """Dismiss the warm supervisor, if any: no more runs will be started."""
        if self._warm is not None:
            self._warm.end()
            self._warm = None


def find_devices(begun: Callable[[subprocess.Popen[bytes]], object] | None = None) -> dict[str, str]:
    """The devices of this machine by name, the one that ``auto`` means first. Takes as long as ``import torch``.

    ``begun`` receives the search process and may kill it. Raises DeviceSearchFailed.
    """
    with spawn("gradtui.training.torch_devices", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as search:
        if begun is not None:
            begun(search)
        try:
            found, said = search.communicate()
        except BaseException:  # ctrl+c: the search is no longer needed
            search.kill()
            raise
    try:
        devices: dict[str, str] = json.loads(found)["devices"]
    except (ValueError, KeyError):
        why = telling_line(said.decode("utf-8", "replace")) or f"exit code {search.returncode}"
        raise DeviceSearchFailed(f"torch cannot be used here: {why}") from None
    return devices


def check_can_start(settings: RunSettings, devices: Mapping[str, str] | None = None) -> None:
    """Check that a run with these settings can start on this machine; find ``devices`` if they are needed and not given.

    Raises SettingsError if the machine lacks the device, the files of the data set, or the script.
    """
    _check_script(settings.anchored())
    name = settings.device
    if name not in ("auto", "cpu"):
        devices = devices or find_devices()
        if ("cuda:0" if name == "cuda" else name) not in devices:
            raise SettingsError({"device": f"got {name!r}; this box has {', '.join(devices)}"})
    if settings.data == "files":
        try:
            cifar10_files.find(settings.data_dir or None)
        except DataMissing as error:
            raise SettingsError({"data_dir": str(error)}) from None


def _check_script(settings: RunSettings) -> None:
    """Check only that the script can be read, or the module found; the workers run it."""
    if not settings.can.run_script:
        return
    script = settings.script or ""
    if settings.module:
        try:
            file_of_module(script, settings.directory or "")
        except NoSuchModule:
            got = _shown_path(script)
            raise SettingsError(
                {"script": f"got {got}; there is no such module; takes the name of one that python -m can run"}
            ) from None
        return
    path = settings.script_path
    try:
        if not path.is_dir():  # a folder with a __main__.py is a script too
            with open(path, "rb", opener=private.regular) as file:
                if path.suffix == notebook.SUFFIX:
                    notebook.parse("", file.read())
    except NotANotebook as error:
        raise SettingsError({"script": f"got {_shown_path(script)}; {error}; takes a Jupyter notebook in Python"}) from None
    except (OSError, ValueError) as error:
        why = str(error.strerror).lower() if isinstance(error, OSError) else "that is no path"
        raise SettingsError({"script": f"got {_shown_path(script)}; {why}; takes the path of a Python script"}) from None


def _shown_path(path: str) -> str:
    """A path for a one-line error message; a long path loses its beginning rather than its end."""
    return ascii(path if len(path) <= 200 else "..." + path[-197:])
