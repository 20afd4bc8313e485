"""What the results say of a measured sharpness: on how many samples, what it cost, where it did not converge."""

from __future__ import annotations

import math

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.columns import SHARPNESS
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.theory import stability_limits
from gradtui.runs.results.thresholds import CONVERGED_RESIDUAL
from gradtui.runs.results.wording import count, duration
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings

WHOLE, PART = 2000, 512
"""The curvature of at most this many training samples is measured on all of them; that of more on so many, evenly spaced."""


def samples_measured(samples: int) -> int:
    """The number of training samples that the sharpness is measured on, of all that there are."""
    return samples if samples <= WHOLE else PART


def sharpness_notes(folder: RunFolder, settings: RunSettings) -> list[str]:
    """What to know about the sharpness that a run measured; empty if it measured none."""
    if not settings.sharpness:
        return []
    rows = [rows for name in settings.variants if (rows := CsvTail(folder.sharpness_csv(name), SHARPNESS.columns).read())]
    residuals = [residual for each in rows for residual in each.values["residual"]]
    seconds = sum(sum(each.values["seconds"]) for each in rows)
    samples = EXPERIMENTS[settings.experiment].samples
    on = samples_measured(samples)
    whole = f"all {count(samples)}" if on == samples else f"{count(on)} of {count(samples)}"
    notes = [
        f"sharpness: measured on {whole} training samples, {count(len(residuals))} times in all, which took "
        f"{duration(seconds)}; that is in no step's time, and may show in the peak memory"
    ]
    if loose := sum(residual > CONVERGED_RESIDUAL for residual in residuals if not math.isnan(residual)):
        notes.append(f"sharpness: {count(loose)} of {count(len(residuals))} values did not converge, and may be too low")
    if stability_limits(settings) and (settings.steps_per_epoch(0) or 1) > 1:
        notes.append(
            "the limits of sharpness hold for full batches: with minibatches, whose noise it adds up, WITHOUT grows below 4 too"
        )
    elif not stability_limits(settings):
        notes.append("sharpness has no limits here: momentum, weight decay, clipping and other optimizers move them")
    return notes
