"""The numbers of the results table, computed from the rows of a run as they arrive."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.columns import EPOCHS, STEPS, TIMING
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.axes import round_up
from gradtui.runs.results.claims import Claim, judge
from gradtui.runs.results.common_part import common_steps, new_evidence, only_right_on, read_until, shortfall
from gradtui.runs.results.evidence import Evidence, RunEvidence
from gradtui.runs.results.script_notes import script_notes
from gradtui.runs.results.seed_results import SeedResults, SideSeeds, differences
from gradtui.runs.results.seed_rows import SeedRows
from gradtui.runs.results.sharpness_notes import sharpness_notes
from gradtui.runs.results.statistics import Difference
from gradtui.runs.results.theory import theory_notes
from gradtui.runs.results.time_verdict import load_notes, worker_times
from gradtui.runs.state import DELETED, DamagedRun, DeletedRun, RunState, VariantState
from gradtui.runs.tail import Chunk, CsvTail


@dataclass(frozen=True)
class VariantResults:
    """One side of a run in numbers; None for a number that is not known (yet).

    ``diverged_at`` is the first step whose loss is not finite, ``exploded_at`` the first whose loss is above 1,000 times
    the first one, ``seconds`` the training time, ``step_ms_*`` the time per step in milliseconds, ``final_grad_norm`` the
    last measured norm of the gradient that the optimizer applied, ``peak_memory_mb`` the peak memory in 10**6 bytes,
    ``memory_growth_mb`` its growth from the end of the first turn to the end of the last.
    """

    status: str
    steps: int = 0
    final_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    diverged_at: int | None = None
    exploded_at: int | None = None
    accuracy: float | None = None
    seconds: float | None = None
    step_ms_median: float | None = None
    step_ms_p95: float | None = None
    peak_memory_mb: float | None = None
    memory_growth_mb: float | None = None
    final_grad_norm: float | None = None


@dataclass(frozen=True)
class RunResults:
    """The results of a run so far: the state in run.json and the numbers of both variants, left first."""

    state: RunState
    variants: Mapping[str, VariantResults]
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = ()
    """Caveats to show with the results."""
    seeds: SeedResults | None = None
    """What each seed has reached; None for a run of one seed. The variants' figures are then medians over the seeds."""

    @property
    def differences(self) -> dict[str, Difference]:
        """How the sides differ over the seeds, by quantity; empty unless both sides have trained all seeds to the end."""
        return differences(self.seeds) if self.seeds is not None and self.seeds.finished else {}

    @property
    def unequal(self) -> bool:
        """Whether the run has ended and one side has trained on more samples."""
        steps = tuple(variant.steps for variant in self.variants.values())
        return not self.state.live and common_steps(self.state.settings, steps) != steps

    @property
    def last_step(self) -> int:
        """Right end of the step axis."""
        return last_step(self.state, max(variant.steps for variant in self.variants.values()))

    def as_json(self) -> dict[str, Any]:
        """A dict for ``json.dumps(..., allow_nan=False)``: nan and the infinities become strings, as in the CSV files."""
        per_seed = self._per_seed_as_json()
        return {
            "run": self.state.id,
            "status": self.state.status,
            "settings": self.state.settings.as_dict(),
            "variants": {
                name: {key: _json_number(value) for key, value in vars(results).items()} | per_seed[name]
                for name, results in self.variants.items()
            },
            "claims": [vars(claim) for claim in self.claims],
            "notes": list(self.notes),
            **self._seeds_as_json(),
        }

    def _seeds_as_json(self) -> dict[str, Any]:
        if self.seeds is None:
            return {}
        judged = {
            name: {key: _json_number(value) for key, value in difference.as_dict().items()}
            for name, difference in self.differences.items()
        }
        return {"seeds": list(self.seeds.seeds), "differences": judged}

    def _per_seed_as_json(self) -> dict[str, dict[str, Any]]:
        """What each variant has beside its figures."""
        if self.seeds is None:
            return {name: {} for name in self.variants}
        of_sides = {}
        for name, side in zip(self.variants, (self.seeds.left, self.seeds.right), strict=True):
            values = {key: getattr(side, key) for key in ("final_loss", "best_loss", "diverged_at", "accuracy")}
            of_sides[name] = {"per_seed": {key: known and [*map(_json_number, known)] for key, known in values.items()}}
        return of_sides


def last_step(state: RunState, taken: int) -> int:
    """Right end of the step axis: the last planned step.

    If it is not known in advance: ``taken``, rounded up to a round number while the run is live.
    """
    unplanned = round(round_up(taken)) if state.live else taken
    return max(state.settings.planned_steps(side) or unplanned for side in (0, 1))


def _json_number(value: object) -> object:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


ORPHANS_SECONDS = 2.0
"""How long to keep reading the rows of a lost run: its workers end within a second, and write until then."""


class RunReader:
    """Follows a run folder. :meth:`advance` reads what is new; :meth:`results` summarizes what was read."""

    def __init__(self, folder: RunFolder, *, epochs: bool = False, gently: bool = False) -> None:
        """``epochs`` says whether the rows of steps have their epoch; reading is faster without.

        ``gently`` reads at most a chunk of each file of seeds at a time, too; ``seeds_behind`` then says whether to go on.
        """
        self.seeds_behind = False
        self._gently = gently
        self.folder = folder
        self._lost_since: float | None = None
        self.state = folder.observe()
        settings, names = self.state.settings, self.state.settings.variants
        self.evidence = {name: new_evidence(settings, side) for side, name in enumerate(names)}
        self._common: tuple[tuple[int, ...], tuple[Evidence, Evidence]] | None = None
        columns = STEPS.columns_of(script=settings.can.use_several_optimizers, clips=settings.may_clip)
        read = [column for column in columns if epochs or column.name != "epoch"]
        self._unread = {*names}  # the sides whose last read found more rows
        self._steps = {name: CsvTail(folder.steps_csv(name), read, folder.packed(name)) for name in names}
        self._epochs = {name: CsvTail(folder.epochs_csv(name), EPOCHS.columns) for name in names}
        seeds = self.state.settings.all_seeds
        self._seeds = {name: SeedRows(folder, name, seeds) for name in names} if len(seeds) > 1 else {}

    def refresh_state(self) -> RunState:
        """Observe the run again. If its folder is gone, the status is ``deleted``; if run.json cannot be read, the last known
        state is kept."""
        try:
            self.state = self.folder.observe()
        except DeletedRun:
            self.state = replace(self.state, status=DELETED)
        except DamagedRun:
            pass
        if self.state.status == "lost" and self._lost_since is None:
            self._lost_since = time.monotonic()
        return self.state

    @property
    def orphans_may_write(self) -> bool:
        """Whether workers may still be writing rows of a run that is lost."""
        return self._lost_since is not None and time.monotonic() < self._lost_since + ORPHANS_SECONDS

    def advance(self, variants: Sequence[str] = ()) -> tuple[dict[str, Chunk], dict[str, Chunk]]:
        """Read new step and epoch rows of these variants (default: both), at most a chunk each."""
        variants = variants or [*self.evidence]
        steps = {name: rows for name in variants if (rows := self._steps[name].read()) is not None}
        epochs = {name: rows for name in variants if (rows := self._epochs[name].read()) is not None}
        self._unread = (self._unread - {*variants}) | {*steps, *epochs}
        for name, rows in steps.items():
            self.evidence[name].add_steps(rows)
        for name, rows in epochs.items():
            self.evidence[name].add_epochs(rows)
        self.seeds_behind = self._advance_seeds(variants)
        while self.seeds_behind and not self._gently:  # their rows are written after those that were just read
            self.seeds_behind = self._advance_seeds(variants)
        return steps, epochs

    def _advance_seeds(self, variants: Sequence[str]) -> bool:
        found = [self._seeds[name].advance() for name in variants if name in self._seeds]
        return any(found)

    def take_variant(self, name: str, other: RunReader) -> None:
        """Take over what another reader of this run has read of one variant, and continue from there."""
        self.evidence[name], self._steps[name], self._epochs[name] = (
            other.evidence[name],
            other._steps[name],
            other._epochs[name],
        )
        self._unread = (self._unread - {name}) | (other._unread & {name})
        if name in other._seeds:
            self._seeds[name] = other._seeds[name]

    def results(self) -> RunResults:
        """The numbers so far; the claims are judged once the run has ended and all of it was read."""
        variants = {name: self._variant(name) for name in self.evidence}
        notes = [
            *self.state.settings.notes,
            *theory_notes(self.state.settings),
            *sharpness_notes(self.folder, self.state.settings),
            *script_notes(self.folder, self.state.settings, list(self.evidence.values())),
        ]
        if self.state.live or self._unread or self.seeds_behind:
            return RunResults(self.state, variants, (), notes, self._seed_results())
        evidence = self._run_evidence()
        return RunResults(self.state, variants, judge(evidence), [*notes, *load_notes(evidence.probes)], evidence.seeds)

    def _seed_results(self) -> SeedResults | None:
        if not self._seeds:
            return None
        left, right = (rows.results() for rows in self._seeds.values())
        finished = all(variant.status == "finished" for variant in self.state.variants.values())
        return SeedResults(self.state.settings.all_seeds, left, right, finished)

    def results_of_seeds(self, name: str) -> SideSeeds | None:
        """What each seed of a side has reached so far; None for a run of one seed."""
        return self._seeds[name].results() if self._seeds else None

    def has_all_of_seeds(self, name: str) -> bool:
        """Whether each seed's loss of every step of a side was read, and its last accuracy: no row is missing or damaged."""
        rows = self._seeds[name]
        return rows.read == self.state.variants[name].steps and rows.tested == self.evidence[name].accuracy_epoch

    def _variant(self, name: str) -> VariantResults:
        evidence, variant = self.evidence[name], self.state.variants[name]
        evidence.peak_memory_mb = variant.peak_memory_mb
        if variant.memory_first_mb is not None and variant.memory_last_mb is not None:
            evidence.memory_growth_mb = variant.memory_last_mb - variant.memory_first_mb
        median, p95 = evidence.step_ms(0.5, 0.95)
        results = VariantResults(
            status=self._status_of(variant),
            steps=evidence.steps,
            final_loss=evidence.last_loss,
            best_loss=evidence.best_loss,
            best_step=evidence.best_step,
            diverged_at=evidence.diverged_at,
            exploded_at=evidence.exploded_at,
            accuracy=evidence.accuracy,
            seconds=evidence.seconds if evidence.steps else None,
            step_ms_median=median,
            step_ms_p95=p95,
            peak_memory_mb=evidence.peak_memory_mb,
            memory_growth_mb=evidence.memory_growth_mb,
            final_grad_norm=evidence.grad_norm,
        )
        return replace(results, **self._seeds[name].medians()) if self._seeds else results

    def _status_of(self, variant: VariantState) -> str:
        """The status to show: a side that finishes first is ``done``, and ``finished`` only once the run is."""
        if variant.status == "running":
            return self.state.status
        return "done" if variant.status == "finished" and self.state.live else variant.status

    def _run_evidence(self) -> RunEvidence:
        settings = self.state.settings
        steps = [evidence.steps for evidence in self.evidence.values()]
        left, right = self._common_evidence()
        experiment = EXPERIMENTS[settings.experiment]
        probes = [worker_times(CsvTail(self.folder.timing_csv(name), TIMING.columns).read()) for name in settings.variants]
        return RunEvidence(
            settings,
            left,
            right,
            probes,
            experiment.test_samples,
            shortfall(self.state, steps),
            self._only_right_on(left, right),
            4 * experiment.parameters / 1e6 if experiment.parameters else None,  # gradients are float32
            self._seed_results(),
        )

    def _common_evidence(self) -> tuple[Evidence, Evidence]:
        """The evidence of what both sides have trained. If one has trained more, that is read again up to there."""
        settings, (left, right) = self.state.settings, self.evidence.values()
        seen = left.steps, right.steps, left.accuracy_epoch, right.accuracy_epoch
        common = common_steps(settings, seen[:2])
        if common == seen[:2] and left.accuracy_epoch == right.accuracy_epoch:
            return left, right
        if self._common is None or self._common[0] != seen:
            one, other = (read_until(self.folder, settings, side, common[side]) for side in (0, 1))
            if one.accuracy_epoch != other.accuracy_epoch:  # one was not tested after the last epoch
                epoch = min(one.accuracy_epoch, other.accuracy_epoch)
                one, other = (read_until(self.folder, settings, side, common[side], epoch) for side in (0, 1))
            self._common = seen, (one, other)
        for whole, part in zip((left, right), self._common[1], strict=True):
            part.peak_memory_mb, part.memory_growth_mb = whole.peak_memory_mb, whole.memory_growth_mb
        return self._common[1]

    def _only_right_on(self, left: Evidence, right: Evidence) -> tuple[int, int] | None:
        if not EXPERIMENTS[self.state.settings.experiment].has_accuracy or left.accuracy_epoch == 0:
            return None
        paths = [self.folder.right_csv(name) for name in self.state.settings.variants]
        return only_right_on(paths[0], paths[1], left.accuracy_epoch)


def read_results(folder: RunFolder) -> RunResults:
    """Read the current results of a run. Raises DamagedRun."""
    reader = RunReader(folder)
    while any(reader.advance()):
        pass
    reader.refresh_state()
    return reader.results()
