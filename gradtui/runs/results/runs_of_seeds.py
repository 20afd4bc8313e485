"""Several runs that differ in their seed alone, as one result: each run is a pair of sides with a seed of its own.

This is how a script is judged over seeds, as its seeds cannot train as a stack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from gradtui.runs.results.claims import judge_seeds
from gradtui.runs.results.evidence import Evidence
from gradtui.runs.results.reader import RunReader, RunResults, VariantResults
from gradtui.runs.results.seed_results import SeedResults, SideSeeds, median_over_seeds


def results_of_runs(readers: Sequence[RunReader]) -> RunResults:
    """The results of at least one run that has ended and was read, in the order of their seeds.

    The variants' figures are medians over the runs. The sides are not compared unless all runs finished and no run has more
    than one optimizer, whose losses would stand in one curve.
    """
    each = [reader.results() for reader in readers]
    settings, names = each[0].state.settings, list(each[0].variants)
    left, right = (_side([reader.evidence[name] for reader in readers]) for name in names)
    statuses = [one.state.status for one in each]
    finished = all(status == "finished" for status in statuses)
    one_curve = all(evidence.optimizers == 1 for reader in readers for evidence in reader.evidence.values())
    seeds = SeedResults(tuple(one.state.settings.seed for one in each), left, right, finished and one_curve)
    notes = list(dict.fromkeys(note for one in each for note in one.notes))
    if not one_curve:
        notes.append("the losses of several optimizers stand in one curve, so the seeds are not compared")
    settings = replace(settings, seeds=len(each))
    return RunResults(
        state=replace(
            each[0].state, settings=settings, status=next((status for status in statuses if status != "finished"), "finished")
        ),
        variants={name: _medians([one.variants[name] for one in each]) for name in names},
        claims=judge_seeds(seeds, settings),
        notes=notes,
        seeds=seeds,
    )


def _side(evidence: Sequence[Evidence]) -> SideSeeds:
    accuracies = [one.accuracy for one in evidence if one.accuracy is not None]
    return SideSeeds(
        final_loss=[_known(one.last_loss) for one in evidence],
        best_loss=[_known(one.best_loss) for one in evidence],
        diverged_at=[one.diverged_at for one in evidence],
        accuracy=accuracies if len(accuracies) == len(evidence) else None,
        converged_at=[one.converged_at for one in evidence],
        late_loss=[one.final_loss for one in evidence],
    )


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _medians(sides: Sequence[VariantResults]) -> VariantResults:
    """The medians of what is known of all runs; the status is that of the first run that did not finish."""
    found: dict[str, Any] = {"status": next((side.status for side in sides if side.status != "finished"), "finished")}
    for field in fields(VariantResults):
        values = [getattr(side, field.name) for side in sides]
        if field.name == "status" or None in values:
            continue
        middle = median_over_seeds(values)
        found[field.name] = round(middle) if all(isinstance(value, int) for value in values) else middle
    return VariantResults(**found)
