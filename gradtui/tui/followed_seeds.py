"""Follow the files of a run with several seeds: each seed's curves, the band, and the paired difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gradtui.runs.columns import EPOCHS, SEED_EPOCHS, SEED_STEPS, STEPS, Column, Table, of_seeds
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.bands import SeedCurves
from gradtui.runs.results.paired_seeds import PairedDifference, PairedTail, log_ratio, points
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings
from gradtui.tui.instruments import QUANTITIES, Quantity


@dataclass(frozen=True)
class SeedTable:
    """A kind of file with a column per seed, and how its values are compared between the sides."""

    quantity: Quantity
    table: Table
    path: Callable[[RunFolder, str], Path]
    differ: Callable[[float, float], float]
    unit: str
    """What a difference is called; ``{left}`` and ``{right}`` are the sides."""
    format: str
    """The printf format of a difference."""

    @property
    def index(self) -> str:
        """The name of its first column: ``step`` or ``epoch``."""
        return self.table.names[0]

    def columns(self, settings: RunSettings) -> tuple[Column, ...]:
        return of_seeds(self.table, settings.all_seeds).columns

    def steps(self, numbers: Sequence[float], settings: RunSettings, side: int) -> Sequence[float]:
        """The steps of rows that are numbered like the file's first column."""
        if self.index == "step":
            return numbers
        per_epoch = settings.steps_per_epoch(side) or 1
        return [number * per_epoch for number in numbers]


def _of(column: Column) -> Quantity:
    return next(quantity for quantity in QUANTITIES if quantity.column is column)


SEED_TABLES = (
    SeedTable(
        _of(STEPS["loss"]),
        SEED_STEPS,
        RunFolder.seeds_csv,
        log_ratio,
        "ln(loss {right} / {left})",
        "%+.3g",
    ),
    SeedTable(
        _of(EPOCHS["accuracy"]),
        SEED_EPOCHS,
        RunFolder.seed_epochs_csv,
        points,
        "accuracy {right} - {left}, points",
        "%+.1f",
    ),
)


class SeedDifference:
    """The paired difference of one quantity; it reads both sides' files by itself, and only once it is asked for."""

    def __init__(self, table: SeedTable, folder: RunFolder, settings: RunSettings) -> None:
        self.table = table
        self._settings = settings
        columns = table.columns(settings)
        left, right = (CsvTail(table.path(folder, variant), columns) for variant in settings.variants)
        self._tail = PairedTail(left, right)
        self.curve = PairedDifference(len(settings.all_seeds), table.differ)
        self.behind = True
        """Whether there may be rows that were not read yet."""

    def advance(self) -> None:
        """Read the next rows that both sides have, a few milliseconds of work."""
        rows = self._tail.read()
        self.behind = rows is not None
        if rows is not None:
            self.curve.extend((self.table.steps(rows[0], self._settings, 0), *rows[1:]))

    @property
    def title(self) -> str:
        left, right = self._settings.shorts
        return self.table.unit.format(left=left, right=right)


class FollowedSeeds:
    """What the screen knows about the seeds of one run."""

    def __init__(self, folder: RunFolder, settings: RunSettings) -> None:
        self.settings = settings
        self._folder = folder
        self._tables = {table.quantity: table for table in SEED_TABLES if table.index == "step" or settings.can.count_epochs}
        self._tails = {
            name: {quantity: self._tail(name, table) for quantity, table in self._tables.items()} for name in settings.variants
        }
        self._curves = {name: self._no_curves() for name in settings.variants}
        self._differences: dict[Quantity, SeedDifference] = {}

    def _tail(self, variant: str, table: SeedTable) -> CsvTail:
        return CsvTail(table.path(self._folder, variant), table.columns(self.settings))

    def _no_curves(self) -> dict[Quantity, SeedCurves]:
        return {quantity: SeedCurves(len(self.settings.all_seeds)) for quantity in self._tables}

    def curves(self, variant: str, quantity: Quantity) -> SeedCurves | None:
        """The curves of a quantity; None if it is not known per seed."""
        return self._curves[variant].get(quantity)

    def difference(self, quantity: Quantity) -> SeedDifference | None:
        """The paired difference of a quantity, read from now on; None if it is not known per seed."""
        if quantity in self._tables and quantity not in self._differences:
            self._differences[quantity] = SeedDifference(self._tables[quantity], self._folder, self.settings)
        return self._differences.get(quantity)

    def unread_bytes(self, variant: str) -> int:
        """Size in bytes of a variant's files."""
        total = 0
        for table in self._tables.values():
            with suppress(OSError):
                total += table.path(self._folder, variant).stat().st_size
        return total

    def glance(self, variant: str) -> None:
        """Show a sample of the rows until all of them are read."""
        self.forget(variant)
        for table in self._tables.values():
            rows = self._tail(variant, table).glance()
            if rows is not None:
                self._extend(variant, table, rows.values)

    def forget(self, variant: str) -> None:
        """Drop what a glance has shown."""
        self._curves[variant] = self._no_curves()

    def advance(self, variants: Sequence[str] = ()) -> bool:
        """Read the next rows of these variants, by default of both; return False if there were none."""
        found = False
        for name in variants or self._curves:
            for quantity, tail in self._tails[name].items():
                if (rows := tail.read()) is not None:
                    self._extend(name, self._tables[quantity], rows.values)
                    found = True
        return found

    def _extend(self, variant: str, table: SeedTable, values: Mapping[str, Sequence[float]]) -> None:
        side = self.settings.variants.index(variant)
        steps = table.steps(values[table.index], self.settings, side)
        columns = [values[str(seed)] for seed in self.settings.all_seeds]
        self._curves[variant][table.quantity].extend(steps, columns)

    def take_variant(self, variant: str, other: FollowedSeeds) -> None:
        """Take over what another process has read of one variant; reading continues from there."""
        self._tails[variant], self._curves[variant] = other._tails[variant], other._curves[variant]
