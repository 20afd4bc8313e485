from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from gradtui.catalog import OPTIMIZERS
from gradtui.cli.sweep_follower import _as_json, _line
from gradtui.runs.sweeps.grid import Cell, Outcome, Sweep, as_text, grid_rows
from gradtui.runs.sweeps.sweep_claims import FOUR, sweep_claims

Pairs = list[tuple[float, float]]


def sweep_of(values: dict[str, Pairs], experiment: str = "digits") -> Sweep:
    return sweep_of_rates({(name, 0.1): pairs for name, pairs in values.items()}, experiment)


def sweep_of_rates(values: dict[tuple[str, float], Pairs], experiment: str = "digits") -> Sweep:
    seeds = range(max(map(len, values.values())))
    outcomes = [
        Outcome(Cell(name, lr, seed), "run", "finished", *pair)
        for (name, lr), pairs in values.items()
        for seed, pair in enumerate(pairs)
    ]
    names, lrs = (list(dict.fromkeys(column)) for column in zip(*values, strict=True))
    return Sweep("id", {"experiment": experiment}, names, lrs, list(seeds), "finished", outcomes)


def noisy(left: float, right: float, *, spread: float = 0.01, seeds: int = 10) -> Pairs:
    """Ten seeds with some noise, the same whenever it is asked for."""
    chance = random.Random(f"{left} {right} {spread}")
    return [(left + chance.gauss(0, spread), right + chance.gauss(0, spread)) for _ in range(seeds)]


CLEAR, OTHER_WAY, EQUAL = noisy(0.9, 0.1), noisy(0.1, 0.9), noisy(0.8, 0.8, spread=0.003)


def test_a_row_tells_the_verdict_the_better_side_and_the_wins() -> None:
    thirteen = [(0.88, 0.9 + 0.001 * seed) for seed in range(13)] + [(0.91, 0.9)] * 3
    values = {"SGD": CLEAR, "Adam": noisy(0.9, 0.88, spread=0.03), "AdamW": [(0.9, 0.9)] * 10, "Adagrad": thirteen}
    rows = {row.optimizer: row.difference for row in grid_rows(sweep_of(values | {"RMSprop": CLEAR[:2]}))}
    assert (rows["SGD"].verdict, rows["SGD"].better) == ("surely", "left")
    assert (rows["Adam"].verdict, rows["Adam"].better) == ("cannot tell", None)
    assert (rows["AdamW"].verdict, rows["AdamW"].better) == ("no difference", None)
    assert rows["Adagrad"].verdict in ("likely", "surely")
    assert (rows["Adagrad"].better, rows["Adagrad"].left_wins, rows["Adagrad"].right_wins) == ("right", 3, 13)
    assert (rows["RMSprop"].verdict, rows["RMSprop"].better) == ("cannot tell", None)


def test_a_row_that_is_sure_alone_need_not_be_in_a_large_grid_with_or_without_its_results() -> None:
    seven = {("SGD", 0.1): CLEAR[:7]}
    assert grid_rows(sweep_of_rates(seven))[0].difference.verdict == "surely"
    assert grid_rows(sweep_of_rates(seven | {("SGD", 1.0 + i): EQUAL[:7] for i in range(17)}))[0].difference.verdict == "likely"
    not_yet = replace(sweep_of_rates(seven), lrs=[0.1, *(1.0 + i for i in range(17))])
    assert [row.difference.verdict for row in grid_rows(not_yet)] == ["likely"]


def test_losses_compare_by_their_ratio_and_a_loss_that_is_not_finite_loses() -> None:
    ratios = [(10.0 ** -(seed + 3), 1.0 + seed) for seed in range(10)]
    first, second = grid_rows(sweep_of({"SGD": ratios, "Adam": [(1.0, math.nan)] * 10}, "linear"))
    assert (first.difference.verdict, first.difference.better) == ("surely", "left")
    assert (second.difference.verdict, second.difference.better) == ("surely", "left")
    (three,) = grid_rows(sweep_of({"Adam": [(1.0, math.nan)] * 3}, "linear"))
    assert three.difference.verdict == "cannot tell", "p is 0.25"


def test_the_text_of_the_grid() -> None:
    sweep = sweep_of({"SGD": [(0.9, 0.8)] * 9 + [(0.5, 0.6)], "Adam": [(0.9, 0.9)] * 10})
    assert as_text(sweep).split("\n") == [
        "optimizer  lr   seeds  WITH    WITHOUT  better  verdict        wins             difference (95 %)",
        "SGD        0.1  10     86.0 %  78.0 %   WITH    surely         9 to 1           +8.0 ± 4.5 points",
        "Adam       0.1  10     90.0 %  90.0 %   –       no difference  0 to 0, 10 ties  +0.0 ± 0.0 points",
    ]
    assert as_text(sweep, 60).split("\n")[2:4] == [
        "SGD        0.1  10     86.0 %  78.0 %",
        "  WITH    surely         9 to 1           +8.0 ± 4.5 points",
    ]


def test_the_text_of_a_grid_without_ratios() -> None:
    _, nan, zero = as_text(sweep_of({"SGD": [(math.nan, 0.5)] * 10, "Adam": [(0.0, 0.5)] * 10}, "linear")).split("\n")
    assert nan.endswith("nan   0.5      WITHOUT  surely   0 to 10  no ratio")
    assert zero.endswith("0     0.5      WITH     surely   10 to 0  no ratio")


def test_the_json_of_the_grid_has_the_difference_and_no_number_that_json_lacks() -> None:
    sweep = sweep_of({"SGD": [(1.0, math.nan)] * 10}, "linear")
    (row,) = json.loads(json.dumps(_as_json(sweep, []), allow_nan=False))["grid"]
    assert row["right"] == "nan"
    assert row["difference"] == {
        "unit": "log ratio", "mean": None, "low": None, "high": None, "left_wins": 10, "right_wins": 0, "ties": 0,
        "p_t": None, "p_sign": 2 / 2**10, "verdict": "surely", "better": "left",
    }  # fmt: skip


def test_the_claims_on_optimizers_are_answered_from_the_grid() -> None:
    worst, same = sweep_claims(sweep_of(dict.fromkeys(OPTIMIZERS, CLEAR)))
    assert (worst.verdict, same.verdict) == ("does not hold", "holds")
    others = {name: CLEAR if name in FOUR else OTHER_WAY for name in OPTIMIZERS}
    worst, same = sweep_claims(sweep_of(others))
    assert (worst.verdict, same.verdict) == ("holds", "does not hold")
    worst, same = sweep_claims(sweep_of({"SGD": CLEAR}))
    assert (worst.verdict, same.verdict) == ("cannot tell", "cannot tell")
    worst, same = sweep_claims(sweep_of({name: pairs[:2] for name, pairs in others.items()}))
    assert (worst.verdict, same.verdict) == ("cannot tell", "cannot tell")


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        (lambda name: EQUAL, "holds"),
        (lambda name: EQUAL if name == "SGD" else CLEAR, "does not hold"),
        (lambda name: noisy(0.8, 0.8, spread=0.1) if name == "SGD" else CLEAR, "cannot tell"),
        (lambda name: EQUAL if name == "SGD" else noisy(0.800, 0.795, spread=0.001), "cannot tell"),
    ],
    ids=["no difference with any", "none with one", "one cannot be told", "none with one and little with the others"],
)
def test_the_same_with_any_optimizer(pairs: Callable[[str], Pairs], verdict: str) -> None:
    assert sweep_claims(sweep_of({name: pairs(name) for name in OPTIMIZERS}))[1].verdict == verdict


def four_and_others(four: Pairs, others: Pairs, experiment: str = "digits") -> str:
    return sweep_claims(sweep_of({name: four if name in FOUR else others for name in OPTIMIZERS}, experiment))[0].verdict


def test_worst_for_four_needs_a_sure_difference_between_the_harms() -> None:
    assert four_and_others(noisy(0.9, 0.5), noisy(0.9, 0.6)) == "holds"
    assert four_and_others(noisy(0.9, 0.6), noisy(0.9, 0.5)) == "does not hold"
    assert four_and_others(noisy(0.9, 0.58, spread=0.1), noisy(0.9, 0.6, spread=0.1)) == "cannot tell"
    assert four_and_others(noisy(0.9, 0.62, spread=0.1), noisy(0.9, 0.6, spread=0.1)) == "cannot tell"


def test_one_doubtful_comparison_of_many_refutes_nothing() -> None:
    """Adam suffers less than SGD in 9 of 10 seeds, which is sure alone and not as one of eight comparisons."""

    def with_harm(*harms: float) -> Pairs:
        return [(0.9, 0.9 - harm) for harm in harms]

    harms = dict.fromkeys(OPTIMIZERS, with_harm(*[0.25, 0.35] * 5))
    harms["SGD"], harms["AdamW"] = with_harm(*[0.3] * 10), with_harm(*[0.35, 0.25] * 5)
    harms["Adam"] = with_harm(*[0.28 + seed / 1000 for seed in range(9)], 0.31)
    assert sweep_claims(sweep_of(harms))[0].verdict == "cannot tell"
    two = {name: pairs if name in ("SGD", "Adam") else with_harm(*[0.6] * 10) for name, pairs in harms.items()}
    assert sweep_claims(sweep_of({**two, "AdamW": with_harm(*[0.1] * 10)}))[0].verdict == "does not hold"


def test_worst_for_four_with_losses_that_are_not_finite() -> None:
    never, always = [(1.0 + seed / 10, math.nan) for seed in range(10)], [(1.0 + seed / 10, 2.0) for seed in range(10)]
    assert four_and_others(never, always, "linear") == "holds"
    assert four_and_others(always, never, "linear") == "does not hold"
    assert four_and_others(never[:4] + always[4:], always, "linear") == "cannot tell"


def test_all_rates_within_a_standard_error_of_the_best_are_told_and_must_agree() -> None:
    values = {(name, 0.1): noisy(0.9, 0.5 if name in FOUR else 0.6) for name in OPTIMIZERS}
    close = [(left - 0.0001, right - 0.4) for left, right in values["SGD", 0.1]]
    far = [(left - 0.1, right - 0.5) for left, right in values["SGD", 0.1]]
    worst, same = sweep_claims(sweep_of_rates(values | {("SGD", 0.01): far}))
    assert (worst.verdict, "lr 0.01" in worst.measured, "lr 0.01" in same.measured) == ("holds", False, False)
    worst, same = sweep_claims(sweep_of_rates(values | {("SGD", 0.01): close}))
    assert (worst.verdict, "lr 0.01" in worst.measured, "lr 0.01" in same.measured) == ("cannot tell", True, True)


def test_a_cell_counts_once_and_only_by_a_run_that_has_finished() -> None:
    sweep = sweep_of({"SGD": [(0.95, 0.10), (0.94, 0.12)], "Adam": [(0.95, 0.10)]})
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


def test_a_run_is_told_in_one_line_with_the_medians_of_its_seeds() -> None:
    pairs = [(0.9, 0.1), (0.5, 0.2), (0.8, 0.4)]
    sweep = sweep_of({"SGD": pairs})
    assert _line(sweep, sweep.outcomes) == "SGD lr 0.1 seeds 0 to 2  median 80.0 %  20.0 %"
    assert _line(sweep, sweep.outcomes[:1]) == "SGD lr 0.1 seed 0  90.0 %  10.0 %"
    lost = [replace(outcome, status="lost", left=math.nan) for outcome in sweep.outcomes]
    assert _line(sweep, lost) == "SGD lr 0.1 seeds 0 to 2  lost (run run)"
    losses = sweep_of({"SGD": [(1.0, math.nan), (math.inf, math.nan), (3.0, 2.0)]}, "linear")
    assert _line(losses, losses.outcomes) == "SGD lr 0.1 seeds 0 to 2  median 3  nan"
