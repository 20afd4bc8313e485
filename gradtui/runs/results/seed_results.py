"""What a run of several seeds ended with, a value per seed, and how its two sides differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradtui.runs.results.statistics import LOG_RATIO, POINTS, Difference, Paired, judged


@dataclass(frozen=True)
class SideSeeds:
    """One side's results, a value per seed in the order of :attr:`SeedResults.seeds`; losses are nan or infinite as such.

    ``final_loss`` is the loss of the last step, as in the results of a single seed, ``best_loss`` nan if it never was finite,
    ``diverged_at`` the first step whose loss is not finite, ``accuracy`` None if the experiment has none, and
    ``converged_at`` the step from which the loss stays at or below CONVERGED_SHARE times its first value.
    """

    final_loss: Sequence[float]
    best_loss: Sequence[float]
    diverged_at: Sequence[int | None]
    accuracy: Sequence[float] | None
    converged_at: Sequence[int | None]
    late_loss: Sequence[float] = ()
    """The mean over the last tenth of the run: what claims and sweeps compare, so that one lucky batch does not decide."""


@dataclass(frozen=True)
class SeedResults:
    """Both sides' results per seed. ``finished``: both sides have trained to the end."""

    seeds: tuple[int, ...]
    left: SideSeeds
    right: SideSeeds
    finished: bool


def median_over_seeds(values: Sequence[float]) -> float:
    """The median of at least one value; nan counts as larger than every number."""
    ordered = sorted(values, key=lambda value: (value != value, value))
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else low / 2 + high / 2  # infinite values stay what they are


def paired_results(results: SeedResults) -> dict[str, Paired]:
    """The quantities that a run compares, by name: ``final_loss``, and ``accuracy`` where there is one."""
    left, right = results.left, results.right
    pairs = {"final_loss": Paired(left.final_loss, right.final_loss, LOG_RATIO)}
    if left.accuracy is not None and right.accuracy is not None:
        pairs["accuracy"] = Paired(left.accuracy, right.accuracy, POINTS)
    return pairs


def differences(results: SeedResults) -> dict[str, Difference]:
    """The verdict on each quantity that a run compares, judged together; for JSON, the table and the claims."""
    pairs = paired_results(results)
    return dict(zip(pairs, judged([*pairs.values()]), strict=True))
