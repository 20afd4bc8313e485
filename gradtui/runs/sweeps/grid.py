"""A sweep: one experiment with every optimizer, learning rate and seed of a grid, an ordinary run for each.

Each cell of the grid counts once, however often it was trained: :func:`latest` picks the outcome that counts. Only a
``finished`` run is a result, even if its loss diverged to nan. A ``failed`` or ``lost`` run enters no mean, and a resumed
sweep repeats it.
"""

from __future__ import annotations

import itertools
import math
import statistics
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.results.claims import FAILS, HOLDS, UNKNOWN, Claim
from gradtui.runs.results.wording import number, percent
from gradtui.settings import SETTINGS, RunSettings

T_975 = (math.inf, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""The 97.5 % quantiles of Student's t for 0, 1, 2, ... degrees of freedom; at most 2.26 from 9 on."""

FEWEST_SEEDS = 3
"""With fewer seeds, nothing is sure: with 2, t would have to exceed 12.7."""

FEWEST_OPTIMIZERS = 3
"""What holds for fewer optimizers is not said to hold for any."""

LARGEST_LOG = 700.0
"""The exponential of little more than this is too large for a float."""


@dataclass(frozen=True)
class Cell:
    """One cell of the grid."""

    optimizer: str
    lr: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """How a cell's run ended (``finished``, ``failed`` or ``lost``), and what each side reached.

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
        """The number of cells with a failed run and no result."""
        return sum(outcome.status == "failed" for outcome in latest(self.outcomes).values())

    def left_to_do(self) -> list[Cell]:
        """The cells without a result, including those with failed or lost runs."""
        results = {cell for cell, outcome in latest(self.outcomes).items() if outcome.counts}
        return [cell for cell in self.cells() if cell not in results]

    def settings(self, cell: Cell) -> RunSettings:
        """The settings of a cell's run. Raises SettingsError."""
        return RunSettings.parse(
            {**self.base, "optimizer": cell.optimizer, "lr": cell.lr, "seed": cell.seed, "timing_probe": False}
        )

    @property
    def side_names(self) -> dict[str, str]:
        """The display names of ``left``, ``right`` and ``neither``."""
        left, right = self.settings(next(self.cells())).shorts
        return {"left": left, "right": right, "neither": "neither"}

    @property
    def quantity(self) -> str:
        """The quantity that is compared."""
        return "accuracy" if EXPERIMENTS[self.base["experiment"]].has_accuracy else "final loss"


@dataclass(frozen=True)
class GridRow:
    """One optimizer and learning rate over all seeds: both means, the better side, and how sure that is."""

    optimizer: str
    lr: float
    seeds: int
    left: float
    right: float
    winner: str
    surely: str


def is_of_optimizer(name: str) -> bool:
    """Whether a setting belongs to one optimizer, and therefore not to a sweep over several."""
    return SETTINGS[name].owner == "optimizer"


def grid_rows(sweep: Sweep) -> list[GridRow]:
    """A row for each optimizer and learning rate with at least one result."""
    results: dict[tuple[str, float], list[Outcome]] = {}
    for outcome in latest(sweep.outcomes).values():
        if outcome.counts:
            results.setdefault((outcome.cell.optimizer, outcome.cell.lr), []).append(outcome)
    rows = []
    for optimizer, lr in itertools.product(sweep.optimizers, sweep.lrs):
        outcomes = results.get((optimizer, lr))
        if outcomes:
            left, right = array("d", (o.left for o in outcomes)), array("d", (o.right for o in outcomes))
            winner, surely = _winner(left, right, higher_wins=sweep.quantity == "accuracy")
            rows.append(GridRow(optimizer, lr, len(outcomes), statistics.fmean(left), statistics.fmean(right), winner, surely))
    return rows


def _winner(left: Sequence[float], right: Sequence[float], *, higher_wins: bool) -> tuple[str, str]:
    """The winner (``left``, ``right`` or ``neither``) and how sure that is.

    Compares the sides seed by seed, since both sides of a run start from the same state.
    """
    scores = [_advantage(a, b, higher_wins) for a, b in zip(left, right, strict=True)]
    if all(score == 0 for score in scores):
        return "neither", "equal in every seed"
    winner = "left" if statistics.fmean(map(_sign, scores)) > 0 else "right"
    wins = sum(_sign(score) == (1 if winner == "left" else -1) for score in scores)
    if wins < len(scores):
        return "neither", f"{wins} of {len(scores)} seeds"
    if len(scores) < FEWEST_SEEDS:
        return winner, f"{wins} of {len(scores)} seeds: too few to be sure"
    if any(math.isinf(score) for score in scores):
        return winner, f"surely: only it is finite, {wins} of {wins} seeds"
    error = statistics.stdev(scores) / math.sqrt(len(scores))
    sure = abs(statistics.fmean(scores)) > T_975[min(len(scores), len(T_975)) - 1] * error
    return winner, f"{'surely' if sure else 'likely'}, {wins} of {wins} seeds"


def _advantage(left: float, right: float, higher_wins: bool) -> float:
    """By how much the left side is better (for losses, the logarithm of their ratio); infinite if only one is finite."""
    if math.isfinite(left) and math.isfinite(right):
        if higher_wins:
            return left - right
        return math.log(right / left) if left > 0 and right > 0 else right - left  # losses differ by factors
    return math.inf if math.isfinite(left) else -math.inf if math.isfinite(right) else 0.0


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def sweep_claims(sweep: Sweep) -> list[Claim]:
    """The articles' claims about optimizers, judged from the grid at each optimizer's best learning rate for WITH."""
    best = _best_rows(sweep)
    return [_worst_for_four(sweep, best), _same_with_any(sweep, best)]


def _best_rows(sweep: Sweep) -> dict[str, GridRow]:
    higher = sweep.quantity == "accuracy"
    best: dict[str, GridRow] = {}
    for row in grid_rows(sweep):
        if math.isfinite(row.left):
            known = best.get(row.optimizer)
            if known is None or (row.left > known.left if higher else row.left < known.left):
                best[row.optimizer] = row
    return best


def _same_with_any(sweep: Sweep, best: Mapping[str, GridRow]) -> Claim:
    text, article = "it is the same with any optimizer", "1"
    names = sweep.side_names
    said = f"at the best lr of {names['left']}, the better side is: "
    said += ", ".join(f"{name} {names[row.winner]}" for name, row in best.items())
    if len(best) < FEWEST_OPTIMIZERS or min(row.seeds for row in best.values()) < FEWEST_SEEDS:
        return Claim(text, article, said if best else "", UNKNOWN, "too few optimizers or seeds")
    sure = {name: row.winner for name, row in best.items() if row.surely.startswith("surely")}
    if len(set(sure.values())) > 1:
        return Claim(text, article, said, FAILS, "optimizers differ, surely")
    if len(sure) == len(best):
        return Claim(text, article, said, HOLDS, "")
    return Claim(text, article, said, UNKNOWN, "not every optimizer has a sure winner")


FOUR = ("Adadelta", "Adagrad", "Adam", "RMSprop")
"""The optimizers that article 1 names."""


def _worst_for_four(sweep: Sweep, best: Mapping[str, GridRow]) -> Claim:
    text, article = "it is worst for Adadelta, Adagrad, Adam, RMSprop", "1"
    four, others = [best[n] for n in FOUR if n in best], [row for name, row in best.items() if name not in FOUR]
    if len(four) < len(FOUR) or not others or min(row.seeds for row in best.values()) < FEWEST_SEEDS:
        return Claim(text, article, "", UNKNOWN, f"needs these four, another optimizer, and {FEWEST_SEEDS} seeds")
    higher = sweep.quantity == "accuracy"
    harm = {row.optimizer: _advantage(row.left, row.right, higher) for row in [*four, *others]}
    said = "without costs: " + ", ".join(f"{name} {_cost(value, higher)}" for name, value in harm.items())
    least, most = min(harm[row.optimizer] for row in four), max(harm[row.optimizer] for row in others)
    if least > most:
        return Claim(text, article, said, HOLDS, "")
    return Claim(text, article, said, FAILS, "another optimizer suffers as much as one of the four")


def _cost(harm: float, higher: bool) -> str:
    """What a side loses, in points of accuracy or as a factor of the loss."""
    if not math.isfinite(harm):
        return "everything"
    return f"{100 * harm:.1f} points" if higher else f"{number(math.exp(min(harm, LARGEST_LOG)))}x the loss"


def as_text(sweep: Sweep) -> str:
    """The grid as plain text with aligned columns."""
    say = percent if sweep.quantity == "accuracy" else number
    names = sweep.side_names
    head = ("optimizer", "lr", "seeds", names["left"], names["right"], "better", "")
    lines = [head] + [
        (r.optimizer, f"{r.lr:g}", str(r.seeds), say(r.left), say(r.right), names[r.winner], r.surely) for r in grid_rows(sweep)
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
