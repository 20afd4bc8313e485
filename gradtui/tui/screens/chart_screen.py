"""What screens with charts share: instruments, each on a key, and drawing in parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from textual import work
from textual.css.query import NoMatches
from textual.screen import Screen

from gradtui.runs.results.theory import theory_of
from gradtui.tui.instruments import QUANTITIES, Instruments
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import ResizeGuard
from gradtui.tui.link import is_behind
from gradtui.tui.prefetch import long_sides, read_ahead
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.widgets.chart_pair import ChartPair

DRAWINGS_PER_SECOND = (4, 10, 1)
"""The default rate, then the others that a key cycles through."""


BETWEEN_PARTS_SECONDS = 0.005
"""Pause between the parts of a drawing, long enough to handle a key."""
AT_ONCE_SECONDS = 0.05
"""A drawing that takes longer continues in the background, so that keys are handled."""


class ChartScreen(KeyBound, ResizeGuard, Screen[None]):
    """A screen whose chart pairs share the same instruments."""

    drawings_per_second = DRAWINGS_PER_SECOND[0]
    _latest: object = None

    @property
    def runs(self) -> Sequence[FollowedRun]:
        """The runs on screen: one per chart pair, or none."""
        raise NotImplementedError

    def drawing(self) -> Iterator[None]:
        """Draw the current state, yielding between parts; draw nothing if that is not possible now."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw the current state, at once unless it takes long."""
        parts = self._parts()
        enough = time.monotonic() + AT_ONCE_SECONDS
        for _ in parts:
            if time.monotonic() > enough:
                self._draw_rest(parts)
                return

    async def draw_gently(self) -> None:
        """Draw the current state; keys are handled between parts."""
        await self._draw_parts(self._parts())

    @work(group="drawing", exclusive=True)
    async def _draw_rest(self, parts: Iterator[None]) -> None:
        await self._draw_parts(parts)

    async def _draw_parts(self, parts: Iterator[None]) -> None:
        for _ in parts:
            await asyncio.sleep(BETWEEN_PARTS_SECONDS)

    def _parts(self) -> Iterator[None]:
        """Draw repeatedly until the curves are fully smoothed, another drawing starts, or the link falls behind."""
        this = self._latest = object()
        with suppress(NoMatches):  # the screen was removed between two parts
            yield from self.drawing()
            while self._latest is this and any(pair.smoothing for pair in self.query(ChartPair)) and not is_behind(self.app):
                yield
                yield from self.drawing()

    def waits_for_link(self) -> bool:
        """Whether the link is too slow to draw now; if so, schedule another attempt."""
        if is_behind(self.app):
            self.set_timer(1 / self.drawings_per_second, self.redraw)
            return True
        return False

    async def read_new(self, run: FollowedRun) -> None:
        """Read a run's new rows. Keys are handled between chunks, and a long read is drawn as it progresses."""
        if sides := long_sides(run):
            run.glance(sides)
            await self.draw_gently()
            with suppress(OSError):  # if no process can be started, the run is read here
                await read_ahead(run, sides)
        drawn = time.monotonic()
        while run.advance():
            await asyncio.sleep(0)
            if time.monotonic() - drawn > 1 / self.drawings_per_second:
                await self.draw_gently()
                drawn = time.monotonic()

    @property
    def instruments(self) -> Instruments:
        return self.query(ChartPair).first().instruments

    def use(self, instruments: Instruments) -> None:
        moved = instruments.layout != self.instruments.layout
        for pair in self.query(ChartPair):
            pair.use(instruments)
        self.redraw()
        if moved:
            self.call_after_refresh(self.redraw)  # the charts that now appear have their size then

    @property
    def most_seeds(self) -> int:
        """The number of seeds of the run on screen that has the most; 1 if there is no run."""
        return max((len(run.settings.all_seeds) for run in self.runs), default=1)

    @property
    def has_theory(self) -> bool:
        """Whether the loss of a side on screen has a closed form."""
        return any(theory_of(run.settings, side, 1.0) for run in self.runs for side in (0, 1))

    def next_layout(self) -> None:
        self.use(self.instruments.next_layout())

    def other_seed(self, direction: int) -> None:
        self.use(self.instruments.other_seed(self.most_seeds, direction))

    def next_quantity(self) -> None:
        among = dict.fromkeys(quantity for run in self.runs for quantity in run.quantities)
        self.use(self.instruments.next_quantity(tuple(among) or QUANTITIES))

    def move_cursor(self, direction: int) -> None:
        """Move the cursor a little to the right (1) or to the left (-1); put it at the last step if there is none."""
        last = max((len(curves.seconds) for run in self.runs for curves in run.curves.values()), default=0)
        if not last:
            return
        stride = max(1, round(last * self.instruments.zoom / 200))  # about 200 presses cross the chart
        at = self.instruments.cursor
        self.use(replace(self.instruments, cursor=max(1, min(last, last if at is None else at + direction * stride))))

    def remove_cursor(self) -> None:
        self.use(replace(self.instruments, cursor=None))

    def next_rate(self) -> None:
        rates = DRAWINGS_PER_SECOND
        self.drawings_per_second = rates[(rates.index(self.drawings_per_second) + 1) % len(rates)]
        often = "once" if self.drawings_per_second == 1 else f"{self.drawings_per_second} times"
        self.notify(f"Redrawing {often} a second", timeout=2)
