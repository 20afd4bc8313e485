"""The numbers of the results table, made from the rows of a run as they arrive."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gradtui.runs.folder import EPOCH_COLUMNS, STEP_COLUMNS, DamagedRun, RunFolder, RunState
from gradtui.runs.tail import Columns, CsvTail


@dataclass(frozen=True)
class VariantResults:
    """One side of a run in numbers; None where it is not known (yet).

    ``diverged_at`` is the first step whose loss is not finite, ``seconds`` the training time, ``step_ms_*`` the time
    per step in milliseconds, ``final_grad_norm`` the norm of the gradient that the optimizer applied when it was last
    measured, ``peak_memory_mb`` in 10**6 bytes.
    """

    status: str
    steps: int = 0
    final_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    diverged_at: int | None = None
    accuracy: float | None = None
    seconds: float | None = None
    step_ms_median: float | None = None
    step_ms_p95: float | None = None
    peak_memory_mb: float | None = None
    final_grad_norm: float | None = None


@dataclass(frozen=True)
class RunResults:
    """What a run has shown so far: the state of run.json and the numbers of both variants, left first."""

    state: RunState
    variants: Mapping[str, VariantResults]

    def as_json(self) -> dict[str, Any]:
        """Fit for ``json.dumps(..., allow_nan=False)``: nan and the infinities become the strings that CSV has."""
        return {
            "run": self.state.id,
            "status": self.state.status,
            "settings": self.state.settings.as_dict(),
            "variants": {
                name: {key: _json_number(value) for key, value in vars(results).items()}
                for name, results in self.variants.items()
            },
        }


def _json_number(value: object) -> object:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


@dataclass
class _Tally:
    """Counts one variant's rows. What it keeps does not grow with the run."""

    steps: int = 0
    final_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    diverged_at: int | None = None
    seconds: float = 0.0
    step_times: Counter[float] = field(default_factory=Counter)  # in the file's unit, 0.1 microseconds: few differ
    accuracy: float | None = None
    final_grad_norm: float | None = None

    def add_steps(self, rows: Columns) -> None:
        losses, steps = rows.values["loss"], rows.values["step"]
        if not losses:
            return
        self.steps = int(steps[-1])
        self.final_loss = losses[-1]
        finite = losses if math.isfinite(sum(losses)) else [x for x in losses if math.isfinite(x)]
        if len(finite) < len(losses) and self.diverged_at is None:
            self.diverged_at = next(int(s) for s, x in zip(steps, losses, strict=True) if not math.isfinite(x))
        if finite:
            best = min(finite)
            if self.best_loss is None or best < self.best_loss:
                self.best_loss, self.best_step = best, int(steps[losses.index(best)])
        seconds = rows.values["seconds"]
        self.seconds += math.fsum(seconds)
        self.step_times.update(seconds)
        measured = next((norm for norm in reversed(rows.values["grad_norm"]) if norm == norm), None)
        if measured is not None:
            self.final_grad_norm = measured

    def add_epochs(self, rows: Columns) -> None:
        if rows.values["accuracy"]:
            self.accuracy = rows.values["accuracy"][-1]

    def step_ms(self, share: float) -> float | None:
        """The time that a ``share`` of the steps took at most, in milliseconds; the mean of the middle two for a median."""
        total = self.step_times.total()
        if total == 0:
            return None
        ascending = sorted(self.step_times.items())
        wanted = {math.ceil(share * total), math.floor(share * total) + 1} if share == 0.5 else {math.ceil(share * total)}
        found = []
        for rank in sorted(wanted):
            seen = 0
            for seconds, count in ascending:
                seen += count
                if seen >= rank:
                    found.append(seconds)
                    break
        return 1000 * sum(found) / len(found)


class RunReader:
    """Follows a run folder. :meth:`advance` reads what is new; :meth:`results` sums up what was read."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.state = folder.observe()
        self._tallies = {name: _Tally() for name in self.state.variants}
        self._steps = {name: CsvTail(folder.steps_csv(name), STEP_COLUMNS) for name in self.state.variants}
        self._epochs = {name: CsvTail(folder.epochs_csv(name), EPOCH_COLUMNS) for name in self.state.variants}

    def refresh_state(self) -> RunState:
        """Read run.json again; where it cannot be read (any more) the last known state stands."""
        with suppress(DamagedRun):
            self.state = self.folder.observe()
        return self.state

    def advance(self) -> tuple[dict[str, Columns], dict[str, Columns]]:
        """The new rows of both variants, steps and epochs, at most a chunk of each; both empty when all is read."""
        steps = {name: rows for name, tail in self._steps.items() if (rows := tail.read()) is not None}
        epochs = {name: rows for name, tail in self._epochs.items() if (rows := tail.read()) is not None}
        for name, rows in steps.items():
            self._tallies[name].add_steps(rows)
        for name, rows in epochs.items():
            self._tallies[name].add_epochs(rows)
        return steps, epochs

    def results(self) -> RunResults:
        """The numbers so far."""
        variants = {}
        for name, tally in self._tallies.items():
            variant = self.state.variants[name]
            variants[name] = VariantResults(
                status=self.state.status if variant.status == "running" else variant.status,
                steps=tally.steps,
                final_loss=tally.final_loss,
                best_loss=tally.best_loss,
                best_step=tally.best_step,
                diverged_at=tally.diverged_at,
                accuracy=tally.accuracy,
                seconds=tally.seconds if tally.steps else None,
                step_ms_median=tally.step_ms(0.5),
                step_ms_p95=tally.step_ms(0.95),
                peak_memory_mb=variant.peak_memory_mb,
                final_grad_norm=tally.final_grad_norm,
            )
        return RunResults(self.state, variants)


def read_results(folder: RunFolder) -> RunResults:
    """The numbers of a run as its folder stands now. Raises DamagedRun."""
    reader = RunReader(folder)
    while any(reader.advance()):
        pass
    reader.refresh_state()
    return reader.results()
