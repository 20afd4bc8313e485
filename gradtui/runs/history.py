"""The saved runs: their summaries in a list, and the one to point out when the app opens."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass

from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.nameless import CONDEMNED
from gradtui.runs.saved_runs import all_runs
from gradtui.runs.state import DamagedRun, DeletedRun, RunState


@dataclass(frozen=True)
class Summary:
    """One run in a list; a damaged run has only a ``problem``. The losses are the last ones written.

    A run that was not read yet has neither a state nor a problem.
    """

    folder: RunFolder
    state: RunState | None = None
    problem: str = ""
    losses: tuple[float | None, float | None] = (None, None)

    @property
    def status(self) -> str:
        return self.state.status if self.state else "damaged" if self.problem else ""

    @property
    def words(self) -> str:
        """The settings in a few words, or what is wrong."""
        return self.state.settings.summary() if self.state else self.problem


def summarize(folder: RunFolder) -> Summary:
    """Summarize a run for a list. Raises DeletedRun."""
    try:
        state = folder.observe()
    except DeletedRun:
        raise
    except DamagedRun as error:
        return Summary(folder, None, str(error).removeprefix(f"{folder.label}: "))
    left, right = (_last_loss(folder, name) for name in state.variants)
    return Summary(folder, state, "", (left, right))


def _last_loss(folder: RunFolder, variant: str) -> float | None:
    row = folder.last_row(variant)
    return row["loss"] if row else None


@dataclass(frozen=True)
class Offer:
    """A run to point out to a user who opens the app."""

    folder: RunFolder
    words: str
    live: bool


def news() -> Offer | None:
    """The newest run if it is live, or if it has ended and its end was not shown yet; else None."""
    try:
        newest = next(iter(all_runs()), None)
        state = newest.observe() if newest is not None else None
    except (HomeError, DamagedRun):
        return None
    if newest is None or state is None or (newest.seen and not state.live):
        return None
    words = f"is {state.status}" if state.live else f"has ended: {state.status}"
    return Offer(newest, f"{newest.label} {words}", state.live)


def delete(folder: RunFolder) -> None:
    """Delete a run and nothing else. Raises HomeError; DeletedRun if it is already gone; ValueError if it is live.

    The rename deletes the run. What a crash leaves of it is removed when a later run is deleted or created.
    """
    try:
        if folder.observe().live:
            raise ValueError(f"{folder.id} is in progress; stop it first")
    except DeletedRun:
        raise
    except DamagedRun:
        if folder.in_use:
            raise ValueError(f"{folder.label} is in use: its supervisor still runs") from None
    with folder.writing():
        if folder.path.is_symlink():  # its target is not ours
            folder.path.unlink()
            return
        runs = folder.path.parent
        folder.path.rename(runs / f"{CONDEMNED}{secrets.token_hex(8)}")  # atomic: the run is deleted or intact
    for condemned in runs.glob(f"{CONDEMNED}*"):
        shutil.rmtree(condemned, ignore_errors=True)
