"""The claims that several seeds decide, where a run has them: rulings like those in claims.py, on the setting, not on a seed.

A claim holds only if the seeds show it ``surely``. All four are judged together, and so allow for one another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradtui.runs.results.rulings import FAILS, HOLDS, UNKNOWN, Ruling
from gradtui.runs.results.seed_results import SeedResults, SideSeeds, median_over_seeds, paired_results
from gradtui.runs.results.statistics import (
    LIKELY,
    LOG_RATIO,
    NO_DIFFERENCE,
    POINTS,
    SURELY,
    Difference,
    Paired,
    exact_mcnemar,
    holm,
    is_within_margin,
    judged,
)
from gradtui.runs.results.thresholds import (
    EQUAL_LOSSES,
    EQUAL_POINTS,
    FEWEST_SEEDS,
    SIGNIFICANCE,
    SLIGHT_ACCURACY_DIFFERENCE,
)
from gradtui.runs.results.wording import count, mean_difference, number, percent, wins
from gradtui.settings import RunSettings


def final_loss_lower(results: SeedResults, settings: RunSettings) -> Ruling:
    """Whether the final loss is lower on the left side."""
    difference = _differences(results, settings)["final_loss"]
    left, right = (number(median_over_seeds(side.late_loss)) for side in (results.left, results.right))
    return _ruling(f"mean of the last tenth, median: {left} and {right}", difference, results, settings)


def accuracy_slightly_higher(results: SeedResults, settings: RunSettings) -> Ruling:
    """Whether the accuracy is higher on the left side, and slightly so."""
    if results.left.accuracy is None or results.right.accuracy is None:
        return "", UNKNOWN, "this run has no accuracy"
    difference = _differences(results, settings)["accuracy"]
    left, right = (percent(median_over_seeds(side)) for side in (results.left.accuracy, results.right.accuracy))
    measured, verdict, why = _ruling(f"median: {left} and {right}", difference, results, settings)
    slight = 100 * SLIGHT_ACCURACY_DIFFERENCE
    if verdict != HOLDS or difference.high < slight:
        return measured, verdict, why
    if difference.low >= slight:
        return measured, FAILS, f"it is much higher, not slightly: {why}"
    return measured, UNKNOWN, f"it is higher, {why}, but perhaps by {slight:.0f} points or more, which is not slightly"


def converges_faster(results: SeedResults, settings: RunSettings) -> Ruling:
    """Whether the loss of the left side is for good at a tenth of its first value after fewer samples."""
    difference = _differences(results, settings)["convergence"]
    told = []
    for name, side in zip(settings.shorts, (results.left, results.right), strict=True):
        there = sum(step is not None for step in side.converged_at)
        middle = median_over_seeds([math.inf if step is None else step for step in side.converged_at])
        step = f", from step {count(math.ceil(middle))} in the median" if math.isfinite(middle) else ""
        told.append(f"{name} in {_of(there, results)}{step}")
    measured = f"at most a tenth of the first loss, for good: {'; '.join(told)}"
    return _ruling(measured, difference, results, settings)


def may_diverge(results: SeedResults, settings: RunSettings) -> Ruling:
    """Whether the loss becomes nan or infinite in more seeds on the right side.

    By McNemar's exact test, adjusted together with the other claims. That neither side diverged does not say that it cannot.
    """
    left, right = ([step is not None for step in side.diverged_at] for side in (results.left, results.right))
    names = settings.shorts
    measured = f"not finite: {names[0]} in {_of(sum(left), results)}, {names[1]} in {_of(sum(right), results)}"
    if not results.finished:
        return measured, UNKNOWN, "not both sides have trained to the end"
    only_left = sum(a and not b for a, b in zip(left, right, strict=True))
    only_right = sum(b and not a for a, b in zip(left, right, strict=True))
    others = [difference.p_sign for difference in _differences(results, settings).values()]
    p = holm([exact_mcnemar(only_left, only_right), *others])[0]
    if p < SIGNIFICANCE:
        more = only_right > only_left
        return measured, HOLDS if more else FAILS, "" if more else f"it is {names[0]} that diverges"
    if not any(left) and not any(right):
        return measured, UNKNOWN, "it did not in these seeds, which does not say that it cannot"
    if all(left) and all(right) and len(results.seeds) >= FEWEST_SEEDS:
        return measured, FAILS, "both diverge in every seed"
    return measured, UNKNOWN, "too few seeds differ to tell which side diverges more"


def _differences(results: SeedResults, settings: RunSettings) -> dict[str, Difference]:
    """The verdicts on all quantities of these claims, judged together."""
    pairs = paired_results(results)
    pairs["final_loss"] = Paired(results.left.late_loss, results.right.late_loss, LOG_RATIO)
    left, right = (_reach(side, settings.step_samples(i)) for i, side in enumerate((results.left, results.right)))
    pairs["convergence"] = Paired(left, right, LOG_RATIO)
    return dict(zip(pairs, judged([*pairs.values()]), strict=True))


def _reach(side: SideSeeds, step_samples: int) -> Sequence[float]:
    """The samples after which each seed has converged; infinite if it has not. A step of a side may take k batches."""
    return [math.inf if step is None else float(step * step_samples) for step in side.converged_at]


def _ruling(measured: str, difference: Difference, results: SeedResults, settings: RunSettings) -> Ruling:
    """The ruling on a claim that the left side is better."""
    told = f"{measured}; {count(len(results.seeds))} seeds: {wins(difference)}, {mean_difference(difference)}"
    if not results.finished:
        return told, UNKNOWN, "not both sides have trained to the end"
    name = settings.shorts[difference.better == "right"]
    margin = f"{EQUAL_POINTS:g} point" if difference.unit == POINTS else f"{100 * EQUAL_LOSSES:g} %"
    if difference.verdict == SURELY:
        surely = f"surely, though by less than {margin}" if is_within_margin(difference) else "surely"
        return (told, HOLDS, surely) if difference.better == "left" else (told, FAILS, f"{name} is better, {surely}")
    if difference.verdict == NO_DIFFERENCE:
        return told, FAILS, f"no difference beyond {margin}"
    if difference.verdict == LIKELY:
        return told, UNKNOWN, f"{name} is likely better, but these seeds are not enough to be sure"
    if len(results.seeds) < FEWEST_SEEDS:
        return told, UNKNOWN, f"fewer than {FEWEST_SEEDS} seeds"
    if difference.ties == len(results.seeds):
        return told, UNKNOWN, "on neither side does any seed get that far"
    return told, UNKNOWN, "these seeds do not tell which side is better"


def _of(some: int, results: SeedResults) -> str:
    return f"{count(some)} of {count(len(results.seeds))} seeds"
