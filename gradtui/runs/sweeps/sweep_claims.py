"""The articles' claims about optimizers, judged from a sweep's grid.

They are judged at each optimizer's best learning rate for WITH. Which rate is the best is itself uncertain, so all rates
within one standard error of it are reported, and a claim is decided only if each of them decides it alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from gradtui.runs.results.claims import Claim
from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN
from gradtui.runs.results.statistics import (
    LOSS,
    NO_DIFFERENCE,
    POINTS,
    SURELY,
    Differences,
    Paired,
    equivalence_test,
    holm,
    is_beyond_margin,
    judged_differences,
    mean,
    paired_differences,
    standard_error,
)
from gradtui.runs.results.thresholds import FEWEST_OPTIMIZERS, FEWEST_SEEDS, SIGNIFICANCE
from gradtui.runs.results.wording import better_side, count, factor, number
from gradtui.runs.sweeps.grid import GridRow, Outcome, Sweep, grid_rows, paired, results_by_row

FOUR = ("Adadelta", "Adagrad", "Adam", "RMSprop")
"""The optimizers that article 1 names."""

Results = Mapping[tuple[str, float], Mapping[int, Outcome]]
BestRows = Mapping[str, Sequence[GridRow]]
"""By optimizer, the rows of its best learning rates, the best first."""


def sweep_claims(sweep: Sweep) -> list[Claim]:
    """The verdicts on the articles' claims about optimizers."""
    results = results_by_row(sweep)
    best = _best_rows(sweep, results)
    return [_worst_for_four(sweep, results, best), _same_with_any(sweep, best)]


def _best_rows(sweep: Sweep, results: Results) -> BestRows:
    """The rates at which WITH is best, and those whose mean is within the best one's standard error of it."""
    higher = sweep.quantity == "accuracy"
    rows: dict[str, list[GridRow]] = {}
    for row in grid_rows(sweep):
        if math.isfinite(row.left):
            rows.setdefault(row.optimizer, []).append(row)
    best = {}
    for optimizer, known in rows.items():
        known.sort(key=lambda row: -row.left if higher else row.left)
        first = known[0]
        lefts = [outcome.left for outcome in results[optimizer, first.lr].values()]
        error = standard_error(lefts) if len(lefts) >= FEWEST_SEEDS else 0.0
        best[optimizer] = [row for row in known if abs(row.left - first.left) <= error]
    return best


def _too_few_seeds(best: BestRows) -> bool:
    return any(row.seeds < FEWEST_SEEDS for rows in best.values() for row in rows)


def _same_with_any(sweep: Sweep, best: BestRows) -> Claim:
    text, article, names = "it is the same with any optimizer", "1", sweep.side_names
    said = ", ".join(
        f"{optimizer} " + " or ".join(f"{_told(row, names)} (lr {row.lr:g})" for row in rows)
        for optimizer, rows in best.items()
    )
    said = f"at the best lr of {names[0]}, the better side is: {said}" if best else ""
    if len(best) < FEWEST_OPTIMIZERS or _too_few_seeds(best):
        return Claim(text, article, said, UNKNOWN, "too few optimizers or seeds")
    effects = {optimizer: _effect(rows) for optimizer, rows in best.items()}
    known = set(effects.values()) - {None}
    if {"left", "right"} <= known:
        return Claim(text, article, said, FAILS, "optimizers differ, surely")
    clear = any(
        effects[name] in ("left", "right") and all(is_beyond_margin(row.difference) for row in best[name]) for name in best
    )
    if NO_DIFFERENCE in known and clear:
        return Claim(text, article, said, FAILS, "it matters for one optimizer, surely, and not for another")
    if None not in effects.values() and len(known) == 1:
        return Claim(text, article, said, HOLDS, "")
    return Claim(text, article, said, UNKNOWN, "not every optimizer has a sure verdict")


def _told(row: GridRow, names: tuple[str, str]) -> str:
    difference = row.difference
    return f"{better_side(difference, names)} {difference.verdict}" if difference.better else difference.verdict


def _effect(rows: Sequence[GridRow]) -> str | None:
    """What all rows agree on: the side that is surely better, or that there is no difference; None if they do not agree."""
    effects = {row.difference.better if row.difference.verdict == SURELY else row.difference.verdict for row in rows}
    effect = effects.pop()
    return effect if not effects and effect in ("left", "right", NO_DIFFERENCE) else None


def _worst_for_four(sweep: Sweep, results: Results, best: BestRows) -> Claim:
    """Compare what leaving out the line costs, seed by seed, for each of the four and each other optimizer.

    The claim holds if each of the four surely suffers more than each other optimizer: all comparisons have to be sure, so
    that they need no allowance for their number. It does not hold if one of the four surely suffers less than another
    optimizer, or surely the same; there one comparison is enough, so that all are adjusted for their number.
    """
    text, article = "it is worst for Adadelta, Adagrad, Adam, RMSprop", "1"
    others = [name for name in best if name not in FOUR]
    if not set(FOUR) <= set(best) or not others or _too_few_seeds(best):
        return Claim(text, article, "", UNKNOWN, f"needs these four, another optimizer, and {FEWEST_SEEDS} seeds")
    rows = [row for name in (*FOUR, *others) for row in best[name]]
    harms = _harms(sweep, results, rows)
    said = ", ".join(_costs(best[name], harms) for name in (*FOUR, *others))
    said = f"without costs, at the best lr of {sweep.side_names[0]}: {said}"
    places = [(a, b) for a in FOUR for b in others for _ in itertools.product(best[a], best[b])]
    samples = [
        _against(harms[a, row.lr], harms[b, other.lr])
        for a in FOUR
        for b in others
        for row, other in itertools.product(best[a], best[b])
    ]
    alone = [judged_differences([sample])[0] for sample in samples]
    if all((one.verdict, one.better) == (SURELY, "left") for one in alone):
        return Claim(text, article, said, HOLDS, "")
    refuting = [
        equal or (one.verdict, one.better) == (SURELY, "right")
        for one, equal in zip(judged_differences(samples), _equal(samples), strict=True)
    ]
    for a, b in itertools.product(FOUR, others):
        if all(refutes for place, refutes in zip(places, refuting, strict=True) if place == (a, b)):
            return Claim(text, article, said, FAILS, f"{b} suffers at least as much as {a}, surely")
    return Claim(text, article, said, UNKNOWN, "these seeds do not tell for all of them which suffers more")


Harm = Mapping[int, float]
"""By seed, by how much WITHOUT is worse; infinite if only WITH is finite or 0, nan if neither is."""


def _harms(sweep: Sweep, results: Results, rows: Sequence[GridRow]) -> dict[tuple[str, float], tuple[Harm, Differences]]:
    """The harm of each row, all in the same unit, and the differences it comes from."""
    pairs = {(row.optimizer, row.lr): paired(sweep, results[row.optimizer, row.lr].values()) for row in rows}
    known = {key: paired_differences(pair) for key, pair in pairs.items()}
    if any(one.unit == LOSS for one in known.values()):
        known = {key: paired_differences(Paired(pair.left, pair.right, LOSS)) for key, pair in pairs.items()}
    return {
        key: ({seed: -value if one.lower_wins else value for seed, value in zip(results[key], one.values, strict=True)}, one)
        for key, one in known.items()
    }


def _against(mine: tuple[Harm, Differences], other: tuple[Harm, Differences]) -> Differences:
    """By how much one harm exceeds another, in the seeds that both have."""
    values = [harm - other[0][seed] for seed, harm in mine[0].items() if seed in other[0]]
    return Differences(values, mine[1].unit, min(mine[1].margin, other[1].margin), lower_wins=False)


def _equal(samples: Sequence[Differences]) -> list[bool]:
    """Which of the samples are surely within their margins, allowing for the number of samples."""
    return [p < SIGNIFICANCE for p in holm([_p_of_equality(sample) for sample in samples])]


def _p_of_equality(sample: Differences) -> float:
    if len(sample.values) < FEWEST_SEEDS or not all(map(math.isfinite, sample.values)):
        return 1.0
    return equivalence_test(sample.values, sample.margin) if any(sample.values) else 0.0


def _costs(rows: Sequence[GridRow], harms: Mapping[tuple[str, float], tuple[Harm, Differences]]) -> str:
    told = [f"{_cost(*harms[row.optimizer, row.lr])} (lr {row.lr:g})" for row in rows]
    return f"{rows[0].optimizer} {' or '.join(told)}"


def _cost(harm: Harm, differences: Differences) -> str:
    """What WITHOUT loses on average."""
    finite = [value for value in harm.values() if math.isfinite(value)]
    unbounded = sum(value == math.inf for value in harm.values())
    told = [f"without bound in {count(unbounded)} of {count(len(harm))} seeds"] if unbounded else []
    if finite:
        cost = mean(finite)
        points, plain = f"{cost:.1f} points", f"{number(cost)} in loss"
        told.append(
            points if differences.unit == POINTS else plain if differences.unit == LOSS else f"{factor(cost)}x the loss"
        )
    return ", else ".join(told) or "what cannot be told"
