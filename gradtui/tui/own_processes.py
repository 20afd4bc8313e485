"""What the app starts: the device search, and runs, whose supervisors it keeps."""

from __future__ import annotations

import subprocess

from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import create_run
from gradtui.settings import RunSettings


class OwnProcesses:
    """The processes that the app has started. Runs outlive the app; the device search does not."""

    def __init__(self, starter: launch.Starter) -> None:
        self._starter = starter
        self._search: subprocess.Popen[bytes] | None = None
        self._supervisors: dict[RunFolder, subprocess.Popen[bytes]] = {}
        self._home_problem = ""

    def find_devices(self) -> dict[str, str]:
        """Find this machine's devices. Raises OSError, and DeviceSearchFailed, also if :meth:`end` is called meanwhile."""

        def begun(search: subprocess.Popen[bytes]) -> None:
            self._search = search

        return launch.find_devices(begun)

    def warm_up(self) -> None:
        """Warm up the next run. Raises HomeError if the home folder is unusable, but not repeatedly for the same reason."""
        try:
            self._starter.warm_up()
        except HomeError as error:
            before, self._home_problem = self._home_problem, str(error)
            if before != self._home_problem:
                raise
        else:
            self._home_problem = ""

    def start(self, settings: RunSettings) -> RunFolder:
        """Create and start a run. Raises HomeError, DamagedRun."""
        folder = create_run(settings)
        self._supervisors[folder] = self._starter.start(folder)
        return folder

    def stop(self, folder: RunFolder) -> None:
        """Ask a run to stop. Raises HomeError, DeletedRun."""
        launch.stop(folder, self._supervisors.get(folder))

    def end_deleted(self, folder: RunFolder) -> bool:
        """End the processes of a deleted run, which train for nothing. Return whether the app had started them."""
        supervisor = self._supervisors.get(folder)
        if supervisor is None:
            return False
        supervisor.terminate()
        return True

    def reap(self) -> None:
        """Reap supervisors that have ended, so that none stays a zombie."""
        self._supervisors = {folder: process for folder, process in self._supervisors.items() if process.poll() is None}

    def end(self) -> None:
        """Kill the device search when the app exits: it would delay the exit until torch is imported."""
        if self._search is not None:
            self._search.kill()
