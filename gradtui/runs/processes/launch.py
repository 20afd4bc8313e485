"""Start the processes of a run, away from the terminal."""

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
from gradtui.runs.home import HomeError, runs_directory, telling_of_the_home
from gradtui.runs.liveness import held
from gradtui.runs.nameless import WARM
from gradtui.runs.processes.spawn import command, environment
from gradtui.runs.state import DamagedRun
from gradtui.settings import RunSettings, SettingsError


class DeviceSearchFailed(RuntimeError):
    """The devices of this box could not be found out, say because torch does not import; the message says why."""


def start_supervisor(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start a run that is laid out in ``folder``. It lives in a session of its own and outlives its starter.

    Raises HomeError, DeletedRun; a run that cannot be started is removed.
    """
    with (
        _starting_or_removed(folder),
        open(folder.supervisor_log, "ab", opener=private.opener) as log,
        folder.starting() as starting,
    ):
        return subprocess.Popen(
            command("gradtui.runs.processes.supervisor", folder.path),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=environment(),
            start_new_session=True,
            pass_fds=[starting],  # the lock goes on in the supervisor
        )


@contextmanager
def _starting_or_removed(folder: RunFolder) -> Iterator[None]:
    """Remove the run if it cannot be started: it holds nothing yet."""
    try:
        with folder.writing():
            yield
    except (HomeError, DamagedRun):
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def stop(folder: RunFolder, supervisor: subprocess.Popen[bytes] | None) -> None:
    """Ask a run to stop: by a request in its folder or, if that cannot be written, by a signal to its supervisor.

    Raises HomeError, DeletedRun if it can be asked in neither way.
    """
    try:
        folder.request_stop()
    except (HomeError, DamagedRun):
        if supervisor is None or supervisor.poll() is not None:
            raise
        supervisor.terminate()


class WarmSupervisor:
    """A supervisor whose workers have imported torch and wait for a run. Without one it ends with its starter.

    From its start it holds the lock on a file of its own. To hand it a run, the file is moved into the run folder, where it
    says that the run is being started: however slow the supervisor is to take over, the run never looks lost.
    """

    def __init__(self) -> None:
        """Raises HomeError."""
        runs = runs_directory()
        with telling_of_the_home(runs):
            descriptor, name = tempfile.mkstemp(prefix=WARM, dir=runs)
            os.close(descriptor)
            self._lock = Path(name)
            with held(self._lock) as lock:
                self.process = subprocess.Popen(
                    command("gradtui.runs.processes.supervisor", "--warm", self._lock),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=runs,
                    env=environment(),
                    start_new_session=True,
                    pass_fds=[lock],
                )

    def start(self, folder: RunFolder) -> subprocess.Popen[bytes]:
        """Give it its run; from now on it outlives its starter. A dead one is replaced by a cold one.

        Raises HomeError, DeletedRun; a run that cannot be started is removed.
        """
        assert self.process.stdin is not None
        try:
            folder.adopt_starting(self._lock)
            self.process.stdin.write(f"{folder.path}\n".encode())
            self.process.stdin.close()
        except OSError:  # it has ended, or its file is gone
            with suppress(OSError):
                self.process.stdin.close()
            self.end()
            return start_supervisor(folder)
        return self.process

    def end(self) -> None:
        """It is not needed; it ends by itself when it has noticed."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(OSError):
            self._lock.unlink()


class Starter:
    """Starts runs; one at once where it was asked to :meth:`warm_up` before, whose cost is memory and no time."""

    def __init__(self) -> None:
        self._warm: WarmSupervisor | None = None

    def warm_up(self) -> None:
        """Have a supervisor and its workers ready for the next run. Raises HomeError."""
        if self._warm is None:
            self._warm = WarmSupervisor()

    def start(self, folder: RunFolder) -> subprocess.Popen[bytes]:
        """Start a run that is laid out in ``folder``; it outlives its starter. Raises HomeError, DamagedRun."""
        if self._warm is None or folder.read().settings.script is not None:
            return start_supervisor(folder)  # a script has workers of its own, which nobody can warm up
        warm, self._warm = self._warm, None
        try:
            return warm.start(folder)
        except (HomeError, DamagedRun):
            warm.end()
            raise

    def end(self) -> None:
        """No more runs will be started."""
        if self._warm is not None:
            self._warm.end()
            self._warm = None


def find_devices(begun: Callable[[subprocess.Popen[bytes]], object] | None = None) -> dict[str, str]:
    """The devices of this box by name, the one that ``auto`` means first; takes as long as ``import torch``.

    ``begun`` gets the process that searches, and may kill it. Raises DeviceSearchFailed.
    """
    with subprocess.Popen(
        command("gradtui.training.devices"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as search:
        if begun is not None:
            begun(search)
        try:
            found, said = search.communicate()
        except BaseException:  # ctrl+c: it is not needed any more
            search.kill()
            raise
    try:
        devices: dict[str, str] = json.loads(found)["devices"]
    except (ValueError, KeyError):
        why = telling_line(said.decode("utf-8", "replace")) or f"exit code {search.returncode}"
        raise DeviceSearchFailed(f"torch cannot be used here: {why}") from None
    return devices


def check(settings: RunSettings, devices: Mapping[str, str] | None = None) -> None:
    """Whether a run with these settings can be started here; ``devices`` are looked for where they are needed.

    Raises SettingsError where the box lacks the device, the files of the data set, or the script.
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
    """Only whether it can be read: it is the workers that run it."""
    if settings.script is None:
        return
    path = Path(settings.directory or "", settings.script)
    try:
        if not path.is_dir():  # a folder with a __main__.py is a script too
            open(path, "rb", opener=private.regular).close()
    except (OSError, ValueError) as error:
        why = str(error.strerror).lower() if isinstance(error, OSError) else "that is no path"
        raise SettingsError(
            {"script": f"got {_shown_path(settings.script)}; {why}; takes the path of a Python script"}
        ) from None


def _shown_path(path: str) -> str:
    """A path in one line of an error message, its end rather than its beginning."""
    return ascii(path if len(path) <= 200 else "..." + path[-197:])
