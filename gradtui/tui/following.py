"""Follow a run for the screen: its numbers, its curves, its speed."""

from __future__ import annotations

import time
from collections import deque

from gradtui.runs.folder import RunFolder
from gradtui.runs.results import RunReader, RunResults
from gradtui.runs.series import Series

SPEED_SECONDS = 4.0
"""Steps per second are those of the last so many seconds."""


class FollowedRun:
    """What the screen knows of one run. :meth:`advance` reads on; the rest says what was read."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._reader = RunReader(folder)
        self.losses = {name: Series() for name in self._reader.state.variants}
        self._speed: deque[tuple[float, int]] = deque()

    def advance(self) -> bool:
        """Read one chunk of what is new; False when there was nothing new."""
        steps, epochs = self._reader.advance()
        for name, rows in steps.items():
            self.losses[name].extend(rows.values["step"], rows.values["loss"])
        return bool(steps or epochs)

    def observe(self) -> RunResults:
        """The state of the run and its numbers so far."""
        self._reader.refresh_state()
        results = self._reader.results()
        done = sum(variant.steps for variant in results.variants.values())
        now = time.monotonic()
        if not self._speed or self._speed[-1][1] != done:
            self._speed.append((now, done))
        while len(self._speed) > 2 and self._speed[0][0] < now - SPEED_SECONDS:
            self._speed.popleft()
        return results

    @property
    def steps_per_second(self) -> float | None:
        """The steps of both variants in a second, lately; None before there is a second reading."""
        if len(self._speed) < 2:
            return None
        (began, before), (ended, after) = self._speed[0], self._speed[-1]
        return (after - before) / max(ended - began, 1e-9)
