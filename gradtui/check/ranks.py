"""Shares what each rank of a torchrun run saw, through files in a private folder.

Each rank holds a lock on its own file while it lives, so nobody waits for a rank that is gone. Rank 0 waits for the others, as
torchrun itself does, and reports. A rank with a finding waits for that report, because torchrun ends all ranks once one exits
with an error.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gradtui import private
from gradtui.check.facts import Facts

APPEAR_SECONDS = 20.0
"""How many seconds after rank 0's end another rank may still start."""
_POLL_SECONDS = 0.02


class Ranks:
    """This process as one of the ranks that torchrun started on this machine."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.rank = int(environment["RANK"])
        local = int(environment["LOCAL_RANK"])
        first = self.rank - local
        self.here = list(range(first, first + int(environment["LOCAL_WORLD_SIZE"])))
        """The ranks on this machine."""
        self.world = int(environment["WORLD_SIZE"])
        self._folder = folder
        # Not flock(): the script's child processes must not inherit the lock, and they do not inherit this kind.
        self._lock = open(self._alive(self.rank), "w", opener=private.opener)  # noqa: SIM115 (held until this process ends)
        fcntl.lockf(self._lock, fcntl.LOCK_EX)

    @property
    def reports(self) -> bool:
        """Whether this rank reports for its machine; on the first machine that is rank 0."""
        return self.rank == self.here[0]

    def tell(self, facts: Facts) -> str:
        """Tell the reporting rank what this one saw. Return the reason if that fails, else an empty string.

        The folder may be gone, for example because the reporting rank failed and did not wait.
        """
        partial = self._folder / f"{self.rank}.partial"
        try:
            with open(partial, "w", encoding="utf-8", opener=private.opener) as file:
                file.write(facts.to_json())
            partial.replace(self._told(self.rank))
        except OSError as error:
            return "it has ended" if isinstance(error, FileNotFoundError) else os.strerror(error.errno or 0).lower()
        return ""

    def hear(self, mine: Facts, wait: bool) -> tuple[list[Facts], list[int]]:
        """What all ranks of this machine saw, and the ranks not heard from. ``wait``: wait until each has told or is gone."""
        heard, missing = [mine], [rank for rank in range(self.world) if rank not in self.here]
        limit = time.monotonic() + APPEAR_SECONDS
        for rank in self.here:
            if rank == self.rank:
                continue
            while wait and not _exists(self._told(rank)) and self._may_tell(rank, limit):
                time.sleep(_POLL_SECONDS)
            try:
                heard.append(Facts.from_json(self._told(rank).read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError, KeyError):  # the rank told nothing, or nothing readable
                missing.append(rank)
        return heard, sorted(missing)

    def done(self) -> None:
        """Remove the folder, which releases the ranks that wait for the report."""
        with contextlib.suppress(OSError):
            for path in list(self._folder.glob("*")):
                path.unlink(missing_ok=True)
            self._folder.rmdir()

    def wait_for_report(self) -> None:
        """Wait until the reporting rank has reported, or is gone."""
        while _exists(self._folder) and self._is_alive(self.here[0]):
            time.sleep(_POLL_SECONDS)

    def _may_tell(self, rank: int, limit: float) -> bool:
        if _exists(self._alive(rank)):
            return self._is_alive(rank) or _exists(self._told(rank))
        return time.monotonic() < limit

    def _is_alive(self, rank: int) -> bool:
        try:
            file = open(self._alive(rank), "r+")  # noqa: SIM115 (errors from opening and from locking mean different things)
        except OSError:  # it is gone, or cannot be reached
            return False
        with file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # which of the two depends on the system
                return True
            except OSError:
                return False
        return False

    def _alive(self, rank: int) -> Path:
        return self._folder / f"{rank}.alive"

    def _told(self, rank: int) -> Path:
        return self._folder / f"{rank}.json"


def join(environment: Mapping[str, str]) -> Ranks | None:
    """This process's place among the ranks; None if it is the only one, or not torchrun's, or they cannot meet."""
    try:
        if int(environment["LOCAL_WORLD_SIZE"]) < 2 or int(environment["WORLD_SIZE"]) < 2:
            return None
        # Only the ranks of this launch share these: the launcher's process and its rendezvous.
        names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK")
        parts = [str(os.getppid()), str(os.getuid()), *(environment.get(name, "") for name in names)]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
        return Ranks(environment, _private(Path(tempfile.gettempdir()) / f"gradtui-check-{digest}"))
    except (KeyError, ValueError, OSError):
        return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no permission to look into a parent folder
        return False


def _private(folder: Path) -> Path:
    """Return the folder, created if missing. Raises OSError unless it is private to this user."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{folder} is not private") from None
    return folder
