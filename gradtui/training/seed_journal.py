"""Record many seeds that train at once: the step file has their medians, a second file has a column per seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gradtui.runs.columns import SEED_EPOCHS, SEED_STEPS, RowFormat, of_seeds
from gradtui.runs.folder import RunFolder
from gradtui.settings import RunSettings
from gradtui.training.gradients import norms
from gradtui.training.journal import Journal, Turns
from gradtui.training.row_file import RowFile


def journal_for(settings: RunSettings, folder: RunFolder, variant: str, device: torch.device, turns: Turns) -> Journal:
    """The journal for one seed or for several."""
    if settings.seeds == 1:
        return Journal(folder, variant, device, turns)
    return SeedJournal(folder, variant, device, turns, settings.all_seeds)


class SeedJournal(Journal):
    """A journal whose losses, gradients and test results have a first dimension of seeds."""

    def __init__(self, folder: RunFolder, variant: str, device: torch.device, turns: Turns, seeds: Sequence[int]) -> None:
        super().__init__(folder, variant, device, turns)
        self._names = [str(seed) for seed in seeds]
        self._seeds_format = RowFormat(of_seeds(SEED_STEPS, seeds).columns)
        self._seeds_file = RowFile(folder.seeds_csv(variant), self._seeds_format)
        self._seed_epochs_path = folder.seed_epochs_csv(variant)
        self._seed_epochs_format = RowFormat(of_seeds(SEED_EPOCHS, seeds).columns)
        self._seed_epochs_file: RowFile | None = None

    def epoch(self, epoch: int, test_loss: Tensor, accuracy: Tensor) -> None:
        """Record an epoch's test results, each of shape (seeds,)."""
        super().epoch(epoch, median_of_seeds(test_loss), median_of_seeds(accuracy))
        if self._seed_epochs_file is None:
            self._seed_epochs_file = RowFile(self._seed_epochs_path, self._seed_epochs_format)
        values = dict(zip(self._names, accuracy.tolist(), strict=True))
        self._seed_epochs_file.add(epoch=epoch, **values)
        self._clock.start()

    def _curve(self, recorded: Tensor) -> Tensor:
        return median_of_seeds(recorded)

    def _norms(self, reading: Any) -> dict[str, float]:
        of_each = [norms(of_seed) for of_seed in reading]
        names = dict.fromkeys(name for measured in of_each for name in measured)
        medians = {name: torch.tensor([measured[name] for measured in of_each], dtype=torch.float64) for name in names}
        return {name: median_of_seeds(values).item() for name, values in medians.items()}

    def _wrote(self, steps: range, recorded: Tensor) -> None:
        columns = dict(zip(self._names, recorded.T.tolist(), strict=True))
        self._seeds_file.write(self._seeds_format.rows({"step": steps, **columns}, {}))


def median_of_seeds(values: Tensor) -> Tensor:
    """The median over the last dimension, in double precision; nan counts as larger than every number.

    Of an even number of seeds, the mean of the middle two.
    """
    ordered = values.detach().cpu().double().sort(dim=-1).values  # nan comes last
    seeds = ordered.shape[-1]
    return (ordered[..., (seeds - 1) // 2] + ordered[..., seeds // 2]) / 2
