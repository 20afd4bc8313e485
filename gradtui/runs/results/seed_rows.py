"""Follow the files with a column per seed: what each seed of a side has reached, in memory that does not grow with the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradtui.runs.columns import SEED_EPOCHS, SEED_STEPS, STEPS, of_seeds
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.evidence import Evidence
from gradtui.runs.results.seed_results import SideSeeds, median_over_seeds
from gradtui.runs.tail import Chunk, CsvTail

_NOT_PER_SEED = {column.name: () for column in STEPS.columns if column.name not in ("step", "loss")}


class SeedRows:
    """One side of a run with several seeds. :meth:`advance` reads what is new; :meth:`results` summarizes it."""

    def __init__(self, folder: RunFolder, variant: str, seeds: Sequence[int]) -> None:
        self._names = [str(seed) for seed in seeds]
        self._steps = CsvTail(folder.seeds_csv(variant), of_seeds(SEED_STEPS, seeds).columns)
        self._epochs = CsvTail(folder.seed_epochs_csv(variant), of_seeds(SEED_EPOCHS, seeds).columns)
        self._evidence = [Evidence() for _ in seeds]
        self._accuracies: list[float] | None = None
        self.read = 0
        """The number of steps read, all seeds of each."""
        self.tested = 0
        """The last epoch whose accuracies were read."""

    def advance(self) -> bool:
        """Read at most a chunk of each file, a few milliseconds of work; return False if there was nothing new."""
        steps, epochs = self._steps.read(), self._epochs.read()
        if steps is not None and len(steps):
            self.read = steps.before + len(steps)
            for name, evidence in zip(self._names, self._evidence, strict=True):
                values: dict[str, Sequence[float]] = {"step": steps.values["step"], "loss": steps.values[name]}
                evidence.add_steps(Chunk((*values,), {**_NOT_PER_SEED, **values}, before=steps.before))
        if epochs is not None and len(epochs):
            self._accuracies = [epochs.values[name][-1] for name in self._names]
            self.tested = int(epochs.values["epoch"][-1])
        return steps is not None or epochs is not None

    def results(self) -> SideSeeds:
        """What each seed has reached so far."""
        return SideSeeds(
            final_loss=[math.nan if evidence.last_loss is None else evidence.last_loss for evidence in self._evidence],
            best_loss=[math.nan if evidence.best_loss is None else evidence.best_loss for evidence in self._evidence],
            diverged_at=[evidence.diverged_at for evidence in self._evidence],
            accuracy=self._accuracies,
            converged_at=[evidence.converged_at for evidence in self._evidence],
            late_loss=[evidence.final_loss for evidence in self._evidence],
        )

    def medians(self) -> dict[str, Any]:
        """The figures of the side, by the names of VariantResults: medians over the seeds, once there are rows."""
        if not self._evidence[0].steps:
            return {}
        results = self.results()
        return {
            "final_loss": median_over_seeds(results.final_loss),
            "best_loss": None if all(map(math.isnan, results.best_loss)) else median_over_seeds(results.best_loss),
            "best_step": median_step([evidence.best_step for evidence in self._evidence]),
            "diverged_at": median_step(results.diverged_at),
            "exploded_at": median_step([evidence.exploded_at for evidence in self._evidence]),
            "accuracy": None if results.accuracy is None else median_over_seeds(results.accuracy),
        }


def median_step(steps: Sequence[int | None]) -> int | None:
    """The step by which half of the seeds have got there; None if fewer ever did."""
    return sorted(steps, key=lambda step: math.inf if step is None else step)[(len(steps) - 1) // 2]
