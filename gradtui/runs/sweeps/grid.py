"""A sweep: one experiment with every optimizer, learning rate and seed of a grid.

An ordinary run trains all seeds of an optimizer and learning rate together, see :meth:`Sweep.batches`.
Each cell of the grid counts once, however often it was trained: :func:`latest` picks the outcome that counts. Only a
``finished`` run is a result, even if its loss diverged to nan. A ``failed`` or ``lost`` run enters no mean, and a resumed
sweep repeats it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.results import wording
from gradtui.runs.results.statistics import LOG_RATIO, POINTS, Difference, Paired, judged, mean
from gradtui.settings import MOST_SEEDS, SETTINGS, RunSettings, SettingsError


@dataclass(frozen=True)
class Cell:
    """One cell of the grid."""

    optimizer: str
    lr: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """How a cell's run ended (``finished``, ``failed`` or ``lost``), and what each side reached with the cell's seed.

    ``left`` and ``right`` are accuracies, or final losses if there is no test data; nan for a side that did not finish.
    """

    cell: Cell
    run: str
    status: str
    left: float
    right: float

    @property
    def counts(self) -> bool:
        """Whether this outcome is a result."""
        return self.status == "finished"

    def supersedes(self, earlier: Outcome | None) -> bool:
        """Whether it replaces an earlier outcome of its cell."""
        return earlier is None or self.counts or not earlier.counts


def latest(outcomes: Iterable[Outcome]) -> dict[Cell, Outcome]:
    """The outcome of each cell: the last one that counts, else the last one."""
    standing: dict[Cell, Outcome] = {}
    for outcome in outcomes:
        if outcome.supersedes(standing.get(outcome.cell)):
            standing[outcome.cell] = outcome
    return standing


@dataclass(frozen=True)
class Sweep:
    """The grid and its progress. ``base`` has the settings that all its runs share, by name.

    ``status`` is ``running``, ``finished`` (every cell was trained), ``stopped`` or ``lost``; ``host`` and ``boot`` say
    where its sweeper runs, as in a run's state.
    """

    id: str
    base: Mapping[str, Any]
    optimizers: Sequence[str]
    lrs: Sequence[float]
    seeds: Sequence[int]
    status: str = "running"
    outcomes: Sequence[Outcome] = field(default_factory=tuple)
    host: str | None = None
    boot: str | None = None

    def cells(self) -> Iterator[Cell]:
        """All cells, seed by seed, so that early rows already cover every optimizer."""
        for seed, optimizer, lr in itertools.product(self.seeds, self.optimizers, self.lrs):
            yield Cell(optimizer, lr, seed)

    @property
    def size(self) -> int:
        """The number of cells in the grid."""
        return len(self.seeds) * len(self.optimizers) * len(self.lrs)

    @property
    def finished(self) -> int:
        """The number of cells with a result."""
        return sum(outcome.counts for outcome in latest(self.outcomes).values())

    @property
    def failed(self) -> int:
        """The number of cells whose run failed and that have no result."""
        return sum(outcome.status == "failed" for outcome in latest(self.outcomes).values())

    def left_to_do(self) -> list[Cell]:
        """The cells without a result, including those with failed or lost runs."""
        results = {cell for cell, outcome in latest(self.outcomes).items() if outcome.counts}
        return [cell for cell in self.cells() if cell not in results]

    def batches(self, cells: Iterable[Cell]) -> list[list[Cell]]:
        """These cells by the runs that train them: each has one optimizer, one learning rate, and seeds that count up by one.

        Ordered by their first seeds, so that early results already cover every optimizer and learning rate.
        """
        most, batches, last = self._most_seeds_of_a_run, [], dict[tuple[str, float], list[Cell]]()
        for cell in sorted(cells, key=lambda cell: cell.seed):
            key = cell.optimizer, cell.lr
            if key not in last or len(last[key]) == most or last[key][-1].seed + 1 != cell.seed:
                last[key] = []
                batches.append(last[key])
            last[key].append(cell)
        return batches

    @property
    def _most_seeds_of_a_run(self) -> int:
        """One if the settings do not allow several, e.g. with a measured sharpness."""
        try:
            self.settings(Cell(self.optimizers[0], self.lrs[0], seed=0), seeds=2)
        except SettingsError:
            return 1
        return MOST_SEEDS

    def settings(self, first: Cell, seeds: int = 1) -> RunSettings:
        """The settings of the run that trains a cell, or so many with consecutive seeds. Raises SettingsError."""
        of_run = {"optimizer": first.optimizer, "lr": first.lr, "seed": first.seed, "seeds": seeds, "timing_probe": False}
        return RunSettings.parse({**self.base, **of_run})

    @property
    def side_names(self) -> tuple[str, str]:
        """The display names of the left and the right side."""
        return self.settings(next(self.cells())).shorts

    @property
    def quantity(self) -> str:
        """The quantity that is compared."""
        return "accuracy" if EXPERIMENTS[self.base["experiment"]].has_accuracy else "final loss"


@dataclass(frozen=True)
class GridRow:
    """One optimizer and learning rate over all seeds: both means, and how the sides differ."""

    optimizer: str
    lr: float
    seeds: int
    left: float
    right: float
    difference: Difference


def is_of_optimizer(name: str) -> bool:
    """Whether a setting belongs to one optimizer, and therefore not to a sweep over several."""
    return SETTINGS[name].owner == "optimizer"


def results_by_row(sweep: Sweep) -> dict[tuple[str, float], dict[int, Outcome]]:
    """The results by optimizer and learning rate, then by seed."""
    results: dict[tuple[str, float], dict[int, Outcome]] = {}
    for cell, outcome in latest(sweep.outcomes).items():
        if outcome.counts:
            results.setdefault((cell.optimizer, cell.lr), {})[cell.seed] = outcome
    return results


def paired(sweep: Sweep, outcomes: Iterable[Outcome]) -> Paired:
    """Both sides of these outcomes, in the quantity that the sweep compares."""
    known = [*outcomes]
    unit = POINTS if sweep.quantity == "accuracy" else LOG_RATIO
    return Paired([outcome.left for outcome in known], [outcome.right for outcome in known], unit)


def grid_rows(sweep: Sweep) -> list[GridRow]:
    """A row for each optimizer and learning rate with at least one result.

    The verdicts allow for all rows of the grid, with or without a result, so that more results do not make them stricter.
    """
    results = results_by_row(sweep)
    keys = [*itertools.product(sweep.optimizers, sweep.lrs)]
    pairs = [paired(sweep, results.get(key, {}).values()) for key in keys]
    return [
        GridRow(*key, len(pair.left), _mean(pair.left), _mean(pair.right), difference)
        for key, pair, difference in zip(keys, pairs, judged(pairs), strict=True)
        if pair.left
    ]


def _mean(values: Sequence[float]) -> float:
    return mean(values) if all(map(math.isfinite, values)) else math.nan


HEAD = ("better", "verdict", "wins", "difference (95 %)")
GAP = "  "


def as_text(sweep: Sweep, width: int | None = None) -> str:
    """The grid as plain text with aligned columns. Where ``width`` is too small, a row's verdict is on a line of its own."""
    say = wording.percent if sweep.quantity == "accuracy" else wording.number
    names = sweep.side_names
    rows = grid_rows(sweep)
    values = [("optimizer", "lr", "seeds", *names)]
    values += [(r.optimizer, f"{r.lr:g}", str(r.seeds), say(r.left), say(r.right)) for r in rows]
    verdicts = [HEAD, *(wording.verdict_cells(row.difference, names) for row in rows)]
    left, right = _aligned(values), _aligned(verdicts)
    lines = [f"{a}{GAP}{b}".rstrip() for a, b in zip(left, right, strict=True)]
    if width is not None and max(map(len, lines)) > width:
        lines = [line.rstrip() for a, b in zip(left, right, strict=True) for line in (a, GAP + b)]
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
