from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from gradtui.catalog import OPTIMIZERS
from gradtui.runs.sweeps.grid import FOUR, Cell, Outcome, Sweep, grid_rows, sweep_claims


def sweep_of(values: dict[str, list[tuple[float, float]]], experiment: str = "digits") -> Sweep:
    seeds = range(max(map(len, values.values())))
    outcomes = [
        Outcome(Cell(name, 0.1, seed), "run", "finished", *pair)
        for name, pairs in values.items()
        for seed, pair in enumerate(pairs)
    ]
    return Sweep("id", {"experiment": experiment}, list(values), [0.1], list(seeds), "finished", outcomes)


CLEAR = [(0.95, 0.10), (0.94, 0.12), (0.96, 0.11)]
OTHER_WAY = [(0.10, 0.95), (0.12, 0.94), (0.11, 0.96)]


def test_a_winner_is_sure_only_where_all_seeds_say_so_clearly() -> None:
    grid = {
        "SGD": CLEAR,
        "Adam": [(0.9, 0.8), (0.9, 0.95), (0.9, 0.8)],
        "AdamW": [(0.9, 0.9)] * 3,
        "Adagrad": [(0.9, 0.1)] * 2,
        "RMSprop": [(0.9, 0.899), (0.9, 0.5), (0.9, 0.898)],
    }
    rows = {row.optimizer: (row.winner, row.surely) for row in grid_rows(sweep_of(grid))}
    assert rows["SGD"] == ("left", "surely, 3 of 3 seeds")
    assert rows["Adam"] == ("neither", "2 of 3 seeds")
    assert rows["AdamW"] == ("neither", "equal in every seed")
    assert rows["Adagrad"] == ("left", "2 of 2 seeds: too few to be sure")
    assert rows["RMSprop"] == ("left", "likely, 3 of 3 seeds")


def test_losses_compare_by_their_ratio_and_a_loss_that_is_not_finite_loses() -> None:
    rows = grid_rows(sweep_of({"SGD": [(1e-9, 1.0), (1e-7, 2.0), (1e-8, 3.0)], "Adam": [(1.0, math.nan)] * 3}, "linear"))
    assert (rows[0].winner, rows[0].surely) == ("left", "surely, 3 of 3 seeds")
    assert rows[1].winner == "left"


def test_the_claims_on_optimizers_are_answered_from_the_grid() -> None:
    worst, same = sweep_claims(sweep_of(dict.fromkeys(OPTIMIZERS, CLEAR)))
    assert (worst.verdict, same.verdict) == ("does not hold", "holds")
    others = {name: CLEAR if name in FOUR else OTHER_WAY for name in OPTIMIZERS}
    worst, same = sweep_claims(sweep_of(others))
    assert (worst.verdict, same.verdict) == ("holds", "does not hold")
    worst, same = sweep_claims(sweep_of({"SGD": CLEAR}))
    assert (worst.verdict, same.verdict) == ("cannot tell", "cannot tell")


def test_a_cell_counts_once_and_only_by_a_run_that_has_finished() -> None:
    sweep = sweep_of({"SGD": CLEAR[:2], "Adam": CLEAR[:1]})
    cell, other = Cell("SGD", 0.1, 0), Cell("Adam", 0.1, 0)
    lost = Outcome(cell, "before", "lost", 0.0, 1.0)
    repeated = Outcome(cell, "again", "finished", 0.5, 0.4)
    failed = Outcome(other, "after", "failed", math.nan, 0.1)
    sweep = replace(sweep, outcomes=[lost, *sweep.outcomes, repeated, failed])
    rows = {row.optimizer: row for row in grid_rows(sweep)}
    assert (rows["SGD"].seeds, rows["SGD"].left) == (2, (0.5 + 0.94) / 2)
    assert (rows["Adam"].seeds, rows["Adam"].left) == (1, 0.95)
    assert (sweep.finished, sweep.failed) == (3, 0)


def test_cells_whose_run_failed_or_was_lost_are_left_to_do_and_diverged_ones_are_not() -> None:
    cells = [Cell("SGD", 0.1, seed) for seed in range(4)]
    statuses = ("finished", "failed", "lost")
    outcomes = [Outcome(cell, "run", status, math.nan, 1.0) for cell, status in zip(cells, statuses, strict=False)]
    sweep = Sweep("id", {"experiment": "linear"}, ["SGD"], [0.1], [0, 1, 2, 3], "stopped", outcomes)
    assert sweep.left_to_do() == cells[1:]
    assert [row.seeds for row in grid_rows(sweep)] == [1]


def test_the_grid_is_made_in_one_pass_over_the_outcomes() -> None:
    passes = []

    class Counted(tuple[Outcome, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[Outcome]:
            passes.append(1)
            return super().__iter__()

    lrs = [0.1 / (i + 1) for i in range(50)]
    cells = [Cell("SGD", lr, 0) for lr in lrs]
    outcomes = Counted(Outcome(cell, "run", "finished", 0.0, 1.0) for cell in cells)
    assert len(grid_rows(Sweep("id", {"experiment": "linear"}, ["SGD"], lrs, [0], "finished", outcomes))) == 50
    assert len(passes) == 1
