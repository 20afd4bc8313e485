"""A sweep: one experiment with every optimizer, learning rate and seed of a grid, an ordinary run for each.

``$GRADTUI_HOME/sweeps/<id>/`` holds ``sweep.json`` (the grid, the status) and ``sweep.csv`` (a row per finished run).
The grid and the rows tell what is left to do, so that a sweep that was stopped goes on where it was.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gradtui.catalog import EXPERIMENTS, OPTIMIZERS
from gradtui.printing import shown
from gradtui.runs.atomic import replacing
from gradtui.runs.claims import FAILS, HOLDS, UNKNOWN, Claim
from gradtui.runs.folder import LARGEST_STATE, UnknownRun
from gradtui.runs.home import runs_directory, telling_of_the_home
from gradtui.runs.regular import open_regular
from gradtui.runs.state import DamagedRun
from gradtui.runs.wording import number, percent
from gradtui.settings import SETTINGS, RunSettings, SettingsError

SWEEP_COLUMNS = ("optimizer", "lr", "seed", "run", "status", "left", "right")

T_975 = (math.inf, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's t, 97.5 %, for 0, 1, 2 ... degrees of freedom; 2.26 and less from 9 on."""


@dataclass(frozen=True)
class Cell:
    """One place of the grid."""

    optimizer: str
    lr: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What a run of the sweep came to: accuracy, or the final loss where there is none; nan where it failed."""

    cell: Cell
    run: str
    status: str
    left: float
    right: float


@dataclass(frozen=True)
class Sweep:
    """The grid and how it stands. ``base`` are the settings that all its runs share, by name."""

    id: str
    base: Mapping[str, Any]
    optimizers: Sequence[str]
    lrs: Sequence[float]
    seeds: Sequence[int]
    status: str = "running"
    outcomes: Sequence[Outcome] = field(default_factory=tuple)

    def cells(self) -> Iterator[Cell]:
        """The whole grid, seed by seed, so that early rows already say something of every optimizer."""
        for seed, optimizer, lr in itertools.product(self.seeds, self.optimizers, self.lrs):
            yield Cell(optimizer, lr, seed)

    def left_to_do(self) -> list[Cell]:
        done = {outcome.cell for outcome in self.outcomes if outcome.status in ("finished", "failed")}
        return [cell for cell in self.cells() if cell not in done]

    def settings(self, cell: Cell) -> RunSettings:
        """The settings of a cell's run. Raises SettingsError."""
        return RunSettings.parse(
            {**self.base, "optimizer": cell.optimizer, "lr": cell.lr, "seed": cell.seed, "timing_probe": False}
        )

    @property
    def side_names(self) -> dict[str, str]:
        """What ``left``, ``right`` and ``neither`` are called."""
        left, right = self.settings(next(self.cells())).shorts
        return {"left": left, "right": right, "neither": "neither"}

    @property
    def quantity(self) -> str:
        """What is compared."""
        return "accuracy" if EXPERIMENTS[self.base["experiment"]].test_samples else "final loss"


@dataclass(frozen=True)
class GridRow:
    """One optimizer and learning rate, over the seeds: both means, who is better, and how surely."""

    optimizer: str
    lr: float
    seeds: int
    left: float
    right: float
    winner: str
    surely: str


class SweepFolder:
    """A sweep on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def csv(self) -> Path:
        return self.path / "sweep.csv"

    @property
    def stop_requested(self) -> bool:
        return (self.path / "stop").exists()

    def request_stop(self) -> None:
        """Raises HomeError."""
        with telling_of_the_home(self.path):
            (self.path / "stop").touch()

    def read(self) -> Sweep:
        """The sweep as it stands. Raises DamagedRun."""
        try:
            with open_regular(self.path / "sweep.json") as file:
                document = json.loads(file.read(LARGEST_STATE))
            sweep = Sweep(**{**document, "outcomes": tuple(self._outcomes())})
            for cell in sweep.cells():
                sweep.settings(cell)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DamagedRun(f"sweep.json cannot be used ({type(error).__name__})") from None
        return sweep

    def write(self, sweep: Sweep) -> None:
        document = asdict(replace(sweep, outcomes=()))
        del document["outcomes"]
        with replacing(self.path / "sweep.json") as file:
            file.write(json.dumps(document, indent=2) + "\n")

    def add(self, outcome: Outcome) -> None:
        """Append a row."""
        new = not self.csv.exists()
        cell = outcome.cell
        with open(self.csv, "a", encoding="ascii") as file:
            head = ",".join(SWEEP_COLUMNS) + "\n" if new else ""
            row = (
                f"{cell.optimizer},{cell.lr!r},{cell.seed},{outcome.run},{outcome.status},{outcome.left!r},{outcome.right!r}\n"
            )
            file.write(head + row)

    def _outcomes(self) -> Iterator[Outcome]:
        try:
            with open_regular(self.csv) as file:
                lines = file.read().decode("ascii", "replace").split("\n")[1:-1]  # a torn last line is not whole
        except OSError:
            return
        for line in lines:
            fields = line.split(",")
            if len(fields) != len(SWEEP_COLUMNS) or fields[0] not in OPTIMIZERS:
                continue
            try:
                cell = Cell(fields[0], float(fields[1]), int(fields[2]))
                yield Outcome(cell, fields[3], fields[4], float(fields[5]), float(fields[6]))
            except ValueError:
                continue


def sweeps_directory() -> Path:
    """Where sweeps live. Raises HomeError."""
    path = runs_directory().parent / "sweeps"
    with telling_of_the_home(path):
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def is_of_optimizer(name: str) -> bool:
    """Whether a setting belongs to one optimizer, and so not to a sweep over several."""
    return SETTINGS[name].owner == "optimizer"


def create_sweep(given: Mapping[str, object], optimizers: str, lrs: str, seeds: str) -> SweepFolder:
    """A new sweep from what was typed. Raises SettingsError with the name of what is wrong."""
    base = RunSettings.parse({k: v for k, v in given.items() if k not in ("optimizer", "lr", "seed")}).as_dict()
    chosen = {name: value for name, value in base.items() if not is_of_optimizer(name)}
    for name in ("optimizer", "lr", "seed", "timing_probe"):
        chosen.pop(name, None)
    names = list(OPTIMIZERS) if optimizers.strip().lower() == "all" else optimizers.split(",")
    grid_optimizers = [str(_parsed("optimizers", SETTINGS["optimizer"].parse, name)) for name in names]
    grid_lrs = [float(str(_parsed("lrs", SETTINGS["lr"].parse, lr))) for lr in lrs.split(",")]
    count = _parsed("seeds", SETTINGS["epochs"].kind.parse, seeds)
    if not isinstance(count, int) or count > 1000:
        raise SettingsError({"seeds": f"got {shown(seeds)}; takes a whole number from 1 to 1,000"})
    first = int(str(_parsed("seed", SETTINGS["seed"].parse, str(given.get("seed", SETTINGS["seed"].default)))))
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:19]
    path = sweeps_directory() / f"{stamp}-{chosen['experiment']}"
    path.mkdir(mode=0o700)
    folder = SweepFolder(path)
    folder.write(Sweep(path.name, chosen, grid_optimizers, grid_lrs, list(range(first, first + count))))
    return folder


def _parsed(name: str, parse: Any, raw: str) -> object:
    try:
        return parse(raw.strip())
    except ValueError as error:
        raise SettingsError({name: str(error) or f"got {shown(raw)}; takes a whole number from 1 to 1,000"}) from None


def find_sweep(name: str) -> SweepFolder:
    """The sweep that ``name`` means: an id, a unique beginning, or ``last``. Raises UnknownRun."""
    names = sorted((path.name for path in sweeps_directory().iterdir() if path.is_dir()), reverse=True)
    matches = names[:1] if name == "last" else [n for n in names if n == name] or [n for n in names if n.startswith(name)]
    if len(matches) != 1:
        raise UnknownRun(f"SWEEP: got {shown(name)}; {'no sweep has' if not matches else 'several have'} this id")
    return SweepFolder(sweeps_directory() / matches[0])


def grid_rows(sweep: Sweep) -> list[GridRow]:
    """A row per optimizer and learning rate that has at least one outcome."""
    rows = []
    for optimizer, lr in itertools.product(sweep.optimizers, sweep.lrs):
        outcomes = [o for o in sweep.outcomes if (o.cell.optimizer, o.cell.lr) == (optimizer, lr)]
        if outcomes:
            left, right = array("d", (o.left for o in outcomes)), array("d", (o.right for o in outcomes))
            winner, surely = _winner(left, right, higher_wins=sweep.quantity == "accuracy")
            rows.append(GridRow(optimizer, lr, len(outcomes), statistics.fmean(left), statistics.fmean(right), winner, surely))
    return rows


def _winner(left: Sequence[float], right: Sequence[float], *, higher_wins: bool) -> tuple[str, str]:
    """``left``, ``right`` or ``neither``, and how surely: seed by seed, as both sides of a run start alike."""
    scores = [_advantage(a, b, higher_wins) for a, b in zip(left, right, strict=True)]
    if all(score == 0 for score in scores):
        return "neither", "equal in every seed"
    winner = "left" if statistics.fmean(map(_sign, scores)) > 0 else "right"
    wins = sum(_sign(score) == (1 if winner == "left" else -1) for score in scores)
    if wins < len(scores):
        return "neither", f"{wins} of {len(scores)} seeds"
    if len(scores) < 3:
        return winner, f"{wins} of {len(scores)} seeds: too few to be sure"
    if any(math.isinf(score) for score in scores):
        return winner, f"surely: only it is finite, {wins} of {wins} seeds"
    error = statistics.stdev(scores) / math.sqrt(len(scores))
    sure = abs(statistics.fmean(scores)) > T_975[min(len(scores) - 1, 9)] * error
    return winner, f"{'surely' if sure else 'likely'}, {wins} of {wins} seeds"


def _advantage(left: float, right: float, higher_wins: bool) -> float:
    """By how much the left side is better, losses as the logarithm of their ratio; infinite where only one is finite."""
    if math.isfinite(left) and math.isfinite(right):
        if higher_wins:
            return left - right
        return math.log(right / left) if left > 0 and right > 0 else right - left  # losses differ by factors
    return math.inf if math.isfinite(left) else -math.inf if math.isfinite(right) else 0.0


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def sweep_claims(sweep: Sweep) -> list[Claim]:
    """What the articles claim of optimizers, answered from the grid, at each optimizer's best learning rate for WITH."""
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
    if len(best) < 3 or min(row.seeds for row in best.values()) < 3:
        return Claim(text, article, said if best else "", UNKNOWN, "too few optimizers or seeds")
    sure = {name: row.winner for name, row in best.items() if row.surely.startswith("surely")}
    if len(set(sure.values())) > 1:
        return Claim(text, article, said, FAILS, "optimizers differ, surely")
    if len(sure) == len(best):
        return Claim(text, article, said, HOLDS, "")
    return Claim(text, article, said, UNKNOWN, "not every optimizer has a sure winner")


FOUR = ("Adadelta", "Adagrad", "Adam", "RMSprop")


def _worst_for_four(sweep: Sweep, best: Mapping[str, GridRow]) -> Claim:
    text, article = "it is worst for Adadelta, Adagrad, Adam, RMSprop", "1"
    four, others = [best[n] for n in FOUR if n in best], [row for name, row in best.items() if name not in FOUR]
    if len(four) < len(FOUR) or not others or min(row.seeds for row in best.values()) < 3:
        return Claim(text, article, "", UNKNOWN, "needs these four, another optimizer, and 3 seeds")
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
    return f"{100 * harm:.1f} points" if higher else f"{number(math.exp(min(harm, 700)))}x the loss"


def as_text(sweep: Sweep) -> str:
    """The grid in plain text, its columns aligned."""
    say = percent if sweep.quantity == "accuracy" else number
    names = sweep.side_names
    head = ("optimizer", "lr", "seeds", names["left"], names["right"], "better", "")
    lines = [head] + [
        (r.optimizer, f"{r.lr:g}", str(r.seeds), say(r.left), say(r.right), names[r.winner], r.surely) for r in grid_rows(sweep)
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
