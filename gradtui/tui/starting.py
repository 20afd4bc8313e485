"""What the app starts: the search for devices, and runs, whose supervisors it knows."""

from __future__ import annotations

import subprocess

from gradtui.runs.folder import RunFolder, create_run
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.settings import RunSettings


class OwnProcesses:
    """The processes that the app has started. Runs outlive it; the search does not."""

    def __init__(self, starter: launch.Starter) -> None:
        self._starter = starter
        self._search: subprocess.Popen[bytes] | None = None
        self._supervisors: dict[RunFolder, subprocess.Popen[bytes]] = {}
        self._home_trouble = ""

    def find_devices(self) -> dict[str, str]:
        """The devices of this box. Raises DeviceSearchFailed, also when :meth:`end` is called meanwhile; OSError."""

        def begun(search: subprocess.Popen[bytes]) -> None:
            self._search = search

        return launch.find_devices(begun)

    def warm_up(self) -> None:
        """Make the next run ready. Raises HomeError if the home takes none, but not again and again for the same reason."""
        try:
            self._starter.warm_up()
        except HomeError as error:
            before, self._home_trouble = self._home_trouble, str(error)
            if before != self._home_trouble:
                raise
        else:
            self._home_trouble = ""

    def start(self, settings: RunSettings) -> RunFolder:
        """A run that has begun. Raises HomeError, DamagedRun."""
        folder = create_run(settings)
        self._supervisors[folder] = self._starter.start(folder)
        return folder

    def stop(self, folder: RunFolder) -> None:
        """Ask a run to stop. Raises HomeError, DeletedRun."""
        launch.stop(folder, self._supervisors.get(folder))

    def end_deleted(self, folder: RunFolder) -> bool:
        """End the processes of a run that was deleted: they train for nobody. Whether the app had started them."""
        supervisor = self._supervisors.get(folder)
        if supervisor is None:
            return False
        supervisor.terminate()
        return True

    def reap(self) -> None:
        """Let supervisors that have ended not stay as zombies."""
        self._supervisors = {folder: process for folder, process in self._supervisors.items() if process.poll() is None}

    def end(self) -> None:
        """The app is left. The search would hold that up for as long as importing torch takes."""
        if self._search is not None:
            self._search.kill()
