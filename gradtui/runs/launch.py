"""Start the processes of a run, away from the terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import gradtui
from gradtui.cifar10 import DataMissing
from gradtui.cifar10 import files as cifar10_files
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError, runs_directory
from gradtui.runs.liveness import private
from gradtui.runs.state import DamagedRun
from gradtui.settings import RunSettings, SettingsError

HANDOVER_SECONDS = 1.0
"""A warm supervisor takes its run over in a few milliseconds; on a box under load it may take this long."""


class DeviceSearchFailed(RuntimeError):
    """The devices of this box could not be found out, say because torch does not import; the message says why."""


def environment() -> dict[str, str]:
    """What child processes run in: this very gradtui, wherever it was started from."""
    package = str(Path(gradtui.__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def start_supervisor(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start a run that is laid out in ``folder``. It lives in a session of its own and outlives its starter.

    Raises HomeError, DeletedRun; a run that cannot be started is removed.
    """
    with (
        _starting_or_removed(folder),
        open(folder.supervisor_log, "ab", opener=private) as log,
        folder.starting() as starting,
    ):
        return subprocess.Popen(
            [sys.executable, "-m", "gradtui.runs.supervisor", str(folder.path)],
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
    """A supervisor whose workers have imported torch and wait for a run. Without one it ends with its starter."""

    def __init__(self) -> None:
        """Raises HomeError."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gradtui.runs.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=runs_directory(),
            env=environment(),
            start_new_session=True,
        )

    def start(self, folder: RunFolder) -> subprocess.Popen[bytes]:
        """Give it its run; from now on it outlives its starter. A dead one is replaced by a cold one.

        Raises HomeError, DeletedRun; a run that cannot be started is removed.
        """
        with ExitStack() as stack:
            with _starting_or_removed(folder):
                open(folder.supervisor_log, "ab", opener=private).close()  # if it cannot be made, that is told here
                stack.enter_context(folder.starting())  # until the supervisor has the run: at no moment does it look lost
            if self._take_over(folder):
                return self.process
        return start_supervisor(folder)

    def _take_over(self, folder: RunFolder) -> bool:
        """Hand the run over and wait until the supervisor has it; False if the supervisor is dead."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{folder.path}\n".encode())
            self.process.stdin.close()
        except BrokenPipeError:
            return False
        deadline = time.monotonic() + HANDOVER_SECONDS
        with suppress(DamagedRun):  # whoever follows the run tells of it
            while folder.read().started is None and self.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
        return True

    def end(self) -> None:
        """It is not needed; it ends by itself when it has noticed."""
        assert self.process.stdin is not None
        self.process.stdin.close()


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
        [sys.executable, "-m", "gradtui.training.devices"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as search:
        if begun is not None:
            begun(search)
        found, said = search.communicate()
    try:
        devices: dict[str, str] = json.loads(found)["devices"]
    except (ValueError, KeyError):
        words = said.decode("utf-8", "replace").strip().splitlines() or [f"exit code {search.returncode}"]
        raise DeviceSearchFailed(f"torch cannot be used here: {words[-1]}") from None
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
            open(path, "rb").close()
    except (OSError, ValueError) as error:
        why = str(error.strerror).lower() if isinstance(error, OSError) else "that is no path"
        raise SettingsError(
            {"script": f"got {_shown_path(settings.script)}; {why}; takes the path of a Python script"}
        ) from None


def _shown_path(path: str) -> str:
    """A path in one line of an error message, its end rather than its beginning."""
    return ascii(path if len(path) <= 200 else "..." + path[-197:])
