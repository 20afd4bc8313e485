"""Statistics gathered from a run's rows as they arrive, for the results table and the verdicts.

Memory use does not grow with the run.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradtui.runs.results.seed_results import SeedResults
from gradtui.runs.results.spans import BLOCK, Span, place_of, total
from gradtui.runs.results.thresholds import EXPLODES, FEW_POINTS, FINAL_PARTS, SMALLEST_GRADIENT_DIFFERENCE, SMALLEST_RISE
from gradtui.runs.results.times import StepTimes
from gradtui.runs.tail import Chunk
from gradtui.settings import RunSettings


@dataclass
class BlockMeans:
    """The means of equal stretches of a sequence, fewer than ``most`` of them: at that number, pairs are merged."""

    most: int = 128
    size: int = 1
    means: list[float] = field(default_factory=list)
    _sums: list[float] = field(default_factory=list)  # of the complete parts of the unfinished stretch
    _rest: list[float] = field(default_factory=list)

    def extend(self, values: Sequence[float]) -> None:
        """Add values. Stretches longer than BLOCK are summed by blocks, so the means do not depend on how values arrive."""
        at = 0
        while at < len(values):
            part = min(self.size, BLOCK)
            piece = values[at : at + part - len(self._rest)]
            at += len(piece)
            self._rest.extend(piece)
            if len(self._rest) == part:
                self._add_sum(total(self._rest), part)
                self._rest.clear()

    def extend_span(self, span: Span) -> None:
        """Add the values of a span; for a whole block, its sum is enough."""
        if span.total is not None and self.size >= BLOCK and not self._rest:
            self._add_sum(span.total, BLOCK)
        else:
            self.extend(span.values)

    def _add_sum(self, of_part: float, part: int) -> None:
        self._sums.append(of_part)
        if len(self._sums) * part < self.size:
            return
        self.means.append(total(self._sums) / self.size)
        self._sums.clear()
        if len(self.means) == self.most:
            self.means = [(a + b) / 2 for a, b in zip(self.means[::2], self.means[1::2], strict=True)]
            self.size *= 2

    @property
    def all(self) -> list[float]:
        """The means, including that of the unfinished last stretch."""
        count = len(self._sums) * BLOCK + len(self._rest)
        return [*self.means, total([*self._sums, total(self._rest)]) / count] if count else list(self.means)


@dataclass(frozen=True)
class GradientExcess:
    """How the applied gradient compares with the fresh one: the median ratio of norms, and whether they differ at all."""

    ratio: float
    differs: bool


@dataclass
class Evidence:
    """One variant's evidence. Steps count from 1; losses are as recorded, including nan and the infinities."""

    steps: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    diverged_at: int | None = None
    exploded_at: int | None = None
    step_times: StepTimes = field(default_factory=StepTimes)
    accuracy: float | None = None
    optimizers: int = 1
    grad_norm: float | None = None
    peak_memory_mb: float | None = None
    memory_growth_mb: float | None = None
    loss_blocks: BlockMeans = field(default_factory=BlockMeans)
    gradient_ratios: BlockMeans = field(default_factory=lambda: BlockMeans(most=4096))

    def add_steps(self, rows: Chunk) -> None:
        """Add rows of the step file."""
        losses, steps = rows.values["loss"], rows.values["step"]
        if not losses:
            return
        if self.first_loss is None:
            self.first_loss = losses[0]
        self.steps, self.last_loss = int(steps[-1]), losses[-1]
        for span in rows.spans("loss"):
            self._look_through(span, steps)
            self.loss_blocks.extend_span(span)
        self.step_times.add(rows.values["seconds"])
        numbers = rows.values.get("optimizer")  # of a script with several optimizers; nan otherwise
        if numbers and numbers[0] == numbers[0]:
            self.optimizers = max(self.optimizers, int(max(numbers)))
        norms, fresh = rows.values["grad_norm"], rows.values["fresh_grad_norm"]
        measured = rows.filled("grad_norm")
        if measured:
            self.grad_norm = norms[measured[-1]]
            known = (i for i in measured if steps[i] > 1 and fresh[i] > 0)
            ratios = [norms[i] / fresh[i] for i in known if math.isfinite(norms[i]) and math.isfinite(fresh[i])]
            self.gradient_ratios.extend(ratios)

    def add_epochs(self, rows: Chunk) -> None:
        """Add rows of the epoch file."""
        known = [accuracy for accuracy in rows.values["accuracy"] if not math.isnan(accuracy)]
        if known:
            self.accuracy = known[-1]

    def _look_through(self, span: Span, steps: Sequence[float]) -> None:
        """Add a span of losses."""
        assert self.first_loss is not None
        if not span.finite and self.diverged_at is None:
            self.diverged_at = int(steps[span.first_not_finite])
        if span.low > span.high:
            return
        if self.best_loss is None or span.low < self.best_loss:
            self.best_loss, self.best_step = span.low, int(steps[span.start + place_of(span.low, span.values)])
        limit = EXPLODES * abs(self.first_loss)
        if self.exploded_at is None and span.high > limit:
            self.exploded_at = int(steps[span.first_above(limit)])

    @property
    def seconds(self) -> float:
        """The training time, in seconds."""
        return self.step_times.seconds

    def step_ms(self, *shares: float) -> list[float | None]:
        """Quantiles of the time per step in milliseconds, one per share; for 0.5, the mean of the middle two."""
        return self.step_times.in_milliseconds(*shares)

    # The basis of the verdicts

    @property
    def blocks(self) -> list[float]:
        """The mean losses over equal stretches of the run; single steps if there are few."""
        return self.loss_blocks.all

    @property
    def diverges(self) -> bool:
        return self.diverged_at is not None or self.exploded_at is not None

    @property
    def final_loss(self) -> float:
        """The mean loss over the last of FINAL_PARTS equal parts of the run; nan if it is not finite."""
        blocks = self.blocks
        last = blocks[-max(1, len(blocks) // FINAL_PARTS) :]
        mean = sum(last) / len(last) if last else math.nan
        return mean if math.isfinite(mean) else math.nan

    def converged_at(self, share: float) -> int | None:
        """The step from which the loss stays at or below ``share`` times the first loss; None if it never does."""
        limit = share * (self.first_loss or 0)
        blocks = self.blocks
        above = [i for i, mean in enumerate(blocks) if not mean <= limit]  # also if it is nan
        at = above[-1] + 1 if above else 0
        return None if at >= len(blocks) else at * self.loss_blocks.size + 1

    @property
    def share_of_rises(self) -> float | None:
        """The share of the run's stretches in which the loss rose, by more than SMALLEST_RISE; None if too few."""
        blocks = self.blocks
        if len(blocks) < FEW_POINTS:
            return None
        least = SMALLEST_RISE * abs(self.first_loss or 0)
        rises = sum(not after <= before + least for before, after in itertools.pairwise(blocks))
        return rises / (len(blocks) - 1)

    @property
    def gradient_excess(self) -> GradientExcess | None:
        """How the applied gradients compare with the fresh ones; None if no step after the first was measured."""
        ratios = self.gradient_ratios.all
        if not ratios:
            return None
        differs = any(abs(ratio - 1) > SMALLEST_GRADIENT_DIFFERENCE for ratio in ratios)
        return GradientExcess(statistics.median(ratios), differs)


@dataclass(frozen=True)
class RunEvidence:
    """Both variants' evidence, and the left / right ratios of the timing probe's blocks."""

    settings: RunSettings
    left: Evidence
    right: Evidence
    time_ratios: Sequence[float]
    test_samples: int
    seeds: SeedResults | None = None
    """What each seed has reached; None for a run of one seed."""

    @property
    def names(self) -> tuple[str, str]:
        return self.settings.shorts


def first_losses_differ(left: Evidence, right: Evidence) -> bool:
    """Whether the first losses differ, although nothing distinguishes the sides before their first step."""
    return None not in (left.first_loss, right.first_loss) and repr(left.first_loss) != repr(right.first_loss)


def block_ratios(rows: Chunk) -> list[float]:
    """The left / right ratio of every complete block of the timing probe: two slices per side, in the order ABBA."""
    blocks: dict[float, tuple[list[float], list[float]]] = {}
    for block, side, seconds in zip(*(rows.values[name] for name in ("block", "side", "seconds_per_batch")), strict=True):
        blocks.setdefault(block, ([], []))[int(side) & 1].append(seconds)
    return [sum(left) / sum(right) for left, right in blocks.values() if len(left) == len(right) == 2 and sum(right) > 0]
