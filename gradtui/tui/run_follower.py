"""Follow a run for the screen: its numbers, its curves, its speed."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence

from gradtui.runs.columns import EPOCHS, SHARPNESS, STEPS
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.reader import RunReader, RunResults, last_step
from gradtui.runs.results.series import Series
from gradtui.runs.results.smoothing import Smoothed
from gradtui.runs.results.times import Clock
from gradtui.runs.scalars import Scalar, ScalarsTail
from gradtui.runs.state import RunState
from gradtui.runs.tail import Chunk, CsvTail
from gradtui.tui.followed_seeds import FollowedSeeds
from gradtui.tui.instruments import QUANTITIES, Quantity, logged_quantity

SPEED_SECONDS = 4.0
"""Steps per second are averaged over this window."""


_OF_STEPS, _OF_EPOCHS, _OF_SHARPNESS = (
    [(quantity, quantity.column) for quantity in QUANTITIES if quantity.column in table.columns]
    for table in (STEPS, EPOCHS, SHARPNESS)
)


class Curves:
    """One variant's quantities over its steps, and the training time at each step."""

    def __init__(self) -> None:
        self.series = defaultdict[Quantity, Series](Series)
        self.seconds = Clock()
        self._smoothed: dict[tuple[Quantity, float], Smoothed] = {}

    def add_steps(self, rows: Chunk) -> None:
        steps = rows.values["step"]
        measured = rows.filled("grad_norm")
        at = array("d", [steps[i] for i in measured])
        for quantity, column in _OF_STEPS:
            values = rows.values[column.name]
            if not column.sparse:
                self.series[quantity].extend(steps, values, rows.spans(column.name))
            elif measured:  # the empty fields between are not gaps in the curve
                self.series[quantity].extend(at, [values[i] for i in measured])
        self.seconds.extend(rows.values["seconds"])

    def add_epochs(self, rows: Chunk) -> None:
        for quantity, column in _OF_EPOCHS:
            self.series[quantity].extend(rows.values["step"], rows.values[column.name])

    def add_sharpness(self, rows: Chunk) -> None:
        for quantity, column in _OF_SHARPNESS:
            self.series[quantity].extend(rows.values["step"], rows.values[column.name])

    def add_scalars(self, scalars: Sequence[Scalar]) -> None:
        for scalar in scalars:
            self.series[logged_quantity(scalar.name)].extend([scalar.step], [scalar.value])

    def smoothed(self, quantity: Quantity, weight: float) -> Smoothed:
        """The quantity's moving average, as far as computed. Averages with other weights are dropped to save memory."""
        if (quantity, weight) not in self._smoothed:
            self._smoothed = {key: smoothed for key, smoothed in self._smoothed.items() if key[1] == weight}
            self._smoothed[quantity, weight] = Smoothed(self.series[quantity], weight)
        return self._smoothed[quantity, weight]

    def value_at(self, quantity: Quantity, step: int) -> float | None:
        """The quantity at a step, or at the last earlier step that has one; None if there is none."""
        series = self.series[quantity]
        place = bisect_left(series.xs, step + 1) - 1
        return series.ys[place] if place >= 0 else None

    def seconds_at(self, step: float) -> float:
        """The training time at the end of a step, in seconds."""
        return self.seconds.at(step)


class FollowedRun:
    """What the screen knows about one run. :meth:`advance` reads more; the rest reports what was read."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._reader = RunReader(folder, gently=True)
        self.settings = self._reader.state.settings
        self.curves = {name: Curves() for name in self.settings.variants}
        self.seeds = FollowedSeeds(folder, self.settings) if len(self.settings.all_seeds) > 1 else None
        """The curves of several seeds."""
        self.quantities = [
            quantity for quantity in QUANTITIES if self.settings.sharpness or (quantity, quantity.column) not in _OF_SHARPNESS
        ]
        """What its charts can show, including a script's own scalars once it has logged them."""
        measured = self.settings.variants if self.settings.sharpness else ()
        self._sharpness = {name: CsvTail(folder.sharpness_csv(name), SHARPNESS.columns) for name in measured}
        names = self.settings.variants if self.settings.can.log_scalars else ()
        self._scalars = {name: ScalarsTail(folder.scalars_csv(name)) for name in names}
        self._glanced: dict[str, int] = {}  # sides that were only glanced at: the last step seen
        self._speed: deque[tuple[float, int]] = deque()

    def unread_bytes(self, variant: str) -> int:
        """Size in bytes of a variant's files of steps if none of it has been read yet, else 0."""
        if self.steps[variant]:
            return 0
        try:
            size = self.folder.steps_csv(variant).stat().st_size
        except OSError:
            return 0
        return size + (self.seeds.unread_bytes(variant) if self.seeds else 0)

    def glance(self, variants: Sequence[str]) -> None:
        """Show a sample of each side's rows until the side is read."""
        for name in variants:
            columns = [column for column in STEPS.columns_of(script=False) if column.name != "epoch"]
            rows = CsvTail(self.folder.steps_csv(name), columns).glance()
            if rows is not None:
                self.curves[name] = Curves()
                self.curves[name].add_steps(rows)
                self.curves[name].seconds = Clock()  # a sample of rows does not give the time at a step
                self._glanced[name] = int(rows.values["step"][-1])
                if self.seeds:
                    self.seeds.glance(name)

    @property
    def only_glanced(self) -> int:
        """A lower bound on the steps of a side that was only glanced at; 0 if there is none."""
        return max(self._glanced.values(), default=0)

    def take_side(self, variant: str, other: FollowedRun) -> None:
        """Take over what another process has read of one side; reading continues from there."""
        self._glanced.pop(variant, None)
        self._reader.take_variant(variant, other._reader)
        self.curves[variant] = other.curves[variant]
        if self.seeds and other.seeds:
            self.seeds.take_variant(variant, other.seeds)
        self._scalars.update({name: tail for name, tail in other._scalars.items() if name == variant})
        self._sharpness.update({name: tail for name, tail in other._sharpness.items() if name == variant})
        self.quantities += [quantity for quantity in other.quantities if quantity not in self.quantities]

    def advance(self, variants: Sequence[str] = ()) -> bool:
        """Read one new chunk of these variants, by default of both; return False if there was nothing new."""
        for name in self._glanced.keys() & (variants or self.curves.keys()):
            del self._glanced[name]
            self.curves[name] = Curves()
            if self.seeds:
                self.seeds.forget(name)
        steps, epochs = self._reader.advance(variants)
        for name, rows in steps.items():
            self.curves[name].add_steps(rows)
        for name, rows in epochs.items():
            self.curves[name].add_epochs(rows)
        sharpness = {
            name: points
            for name, tail in self._sharpness.items()
            if name in (variants or self.curves) and (points := tail.read()) is not None
        }
        for name, points in sharpness.items():
            self.curves[name].add_sharpness(points)
        scalars = {
            name: new for name, tail in self._scalars.items() if name in (variants or self.curves) and (new := tail.read())
        }
        for name, logged in scalars.items():
            self.curves[name].add_scalars(logged)
            names = dict.fromkeys(scalar.name for scalar in logged if scalar.name not in EPOCHS.names)
            self.quantities += [new for new in map(logged_quantity, names) if new not in self.quantities]
        more_seeds = self.seeds is not None and self.seeds.advance(variants)
        return bool(steps or epochs or sharpness or scalars or more_seeds or self._reader.seeds_behind)

    @property
    def state(self) -> RunState:
        """The state as last observed."""
        return self._reader.state

    @property
    def orphans_may_write(self) -> bool:
        """Whether workers may still be writing rows of a run that is lost."""
        return self._reader.orphans_may_write

    @property
    def steps(self) -> dict[str, int]:
        """Number of steps read, by variant."""
        return {name: evidence.steps for name, evidence in self._reader.evidence.items()}

    @property
    def last_step(self) -> int:
        """Right end of the step axis: the planned last step, else a round number while live."""
        return last_step(self.state, max(*self.steps.values(), self.only_glanced))

    def results(self) -> RunResults:
        """The results so far."""
        return self._reader.results()

    def observe(self) -> RunState:
        """Re-read and return the run's state; also sample its speed."""
        state = self._reader.refresh_state()
        done = sum(self.steps.values())
        now = time.monotonic()
        if not self._speed or self._speed[-1][1] != done:
            self._speed.append((now, done))
        while len(self._speed) > 2 and self._speed[0][0] < self._speed[-1][0] - SPEED_SECONDS:
            self._speed.popleft()
        return state

    @property
    def steps_per_second(self) -> float | None:
        """Recent steps per second of both variants together; None until there are two samples."""
        if len(self._speed) < 2:
            return None
        (began, before), (ended, after) = self._speed[0], self._speed[-1]
        return (after - before) / max(ended - began, 1e-9)
