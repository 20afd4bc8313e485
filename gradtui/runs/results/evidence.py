"""Statistics gathered from a run's rows as they arrive, for the results table and the verdicts.

Memory use does not grow with the run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradtui.runs.results.moves import Moves
from gradtui.runs.results.seed_results import SeedResults
from gradtui.runs.results.spans import BLOCK, Span, place_of, total
from gradtui.runs.results.thresholds import (
    CONVERGED_FOR,
    CONVERGED_SHARE,
    EXPLODES,
    FEW_POINTS,
    FINAL_PARTS,
    SMALLEST_GRADIENT_DIFFERENCE,
)
from gradtui.runs.results.time_verdict import WorkerTimes
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
    """How the applied gradient compares with the fresh one, before clipping: the median ratio of their norms, and whether an
    applied one that is not zero differs on any step."""

    ratio: float
    differs: bool


@dataclass
class GradientRatios:
    """The ratios of the norms of applied and fresh gradients: how often each occurs, to four digits, in bounded memory."""

    counts: Counter[float] = field(default_factory=Counter)
    differs: bool = False

    def add(self, applied: float, fresh: float) -> None:
        """Add the norms of one step; nothing is added if either is not finite or no fresh gradient came."""
        if not (0 <= applied < math.inf and 0 < fresh < math.inf):
            return
        ratio = applied / fresh
        self.differs = self.differs or (applied > 0 and abs(ratio - 1) > SMALLEST_GRADIENT_DIFFERENCE)
        self.counts[float(f"{ratio:.4g}")] += 1

    @property
    def excess(self) -> GradientExcess | None:
        """What the ratios say together; None if there are none. Of an even number, the median is the lower middle one."""
        before, middle = 0, (self.counts.total() + 1) // 2
        for ratio, times in sorted(self.counts.items()):
            before += times
            if before >= middle:
                return GradientExcess(ratio, self.differs)
        return None


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
    accuracy_epoch: int = 0
    """The epoch after which the accuracy was measured."""
    optimizers: int = 1
    grad_norm: float | None = None
    peak_memory_mb: float | None = None
    memory_growth_mb: float | None = None
    loss_blocks: BlockMeans = field(default_factory=BlockMeans)
    moves: Moves = field(default_factory=Moves)
    gradient_ratios: GradientRatios = field(default_factory=GradientRatios)
    clipped: bool = False
    """Whether gradients were clipped, and the norms before that are known."""
    _last_above: int = 0  # the last step whose loss is above CONVERGED_SHARE of the first

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
            self.moves.extend(span, self.first_loss)
        self.step_times.add(rows.values["seconds"])
        numbers = rows.values.get("optimizer")  # of a script with several optimizers; nan otherwise
        if numbers and numbers[0] == numbers[0]:
            self.optimizers = max(self.optimizers, int(max(numbers)))
        norms, fresh = rows.values["grad_norm"], rows.values["fresh_grad_norm"]
        measured = rows.filled("grad_norm")
        if measured:
            self.grad_norm = norms[measured[-1]]
            clipped = rows.values.get("clipped_norm")
            self.clipped = self.clipped or (clipped is not None and any(clipped[i] == clipped[i] for i in measured))
            for i in measured:
                if steps[i] > 1:
                    self.gradient_ratios.add(norms[i], fresh[i])

    def add_epochs(self, rows: Chunk) -> None:
        """Add rows of the epoch file."""
        for epoch, accuracy in zip(rows.values["epoch"], rows.values["accuracy"], strict=True):
            if not math.isnan(accuracy):
                self.accuracy, self.accuracy_epoch = accuracy, int(epoch)

    def _look_through(self, span: Span, steps: Sequence[float]) -> None:
        """Add a span of losses."""
        assert self.first_loss is not None
        limit = CONVERGED_SHARE * self.first_loss
        if not (span.finite and span.high <= limit):  # nan is above too
            above = (i for i in range(span.end - 1, span.start - 1, -1) if not span.values[i - span.start] <= limit)
            self._last_above = int(steps[at]) if (at := next(above, None)) is not None else self._last_above
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

    @property
    def converged_at(self) -> int | None:
        """The step from which the loss stays at or below CONVERGED_SHARE times the first loss.

        None unless it stays there for the last CONVERGED_FOR of the run.
        """
        return self._last_above + 1 if self._last_above <= (1 - CONVERGED_FOR) * self.steps else None

    @property
    def share_of_rises(self) -> float | None:
        """The share of the loss's moves that are rises, see Moves; None if there are too few epochs."""
        return self.moves.share_of_rises if self.moves.epochs >= FEW_POINTS else None

    @property
    def gradient_excess(self) -> GradientExcess | None:
        """How the applied gradients compare with the fresh ones; None if no step after the first was measured."""
        return self.gradient_ratios.excess


@dataclass(frozen=True)
class RunEvidence:
    """Both variants' evidence of the samples that both have trained on, and what each worker's timing probe measured.

    ``shortfall`` says which side did not train to the end, if any; ``only_right_on`` how many test samples only the left
    and only the right side classified correctly, if that is known; ``gradient_mb`` the size of all gradients in 10**6 bytes.
    """

    settings: RunSettings
    left: Evidence
    right: Evidence
    probes: Sequence[WorkerTimes]
    test_samples: int
    shortfall: str = ""
    only_right_on: tuple[int, int] | None = None
    gradient_mb: float | None = None
    seeds: SeedResults | None = None
    """What each seed has reached; None for a run of one seed."""

    @property
    def names(self) -> tuple[str, str]:
        return self.settings.shorts


def first_losses_differ(left: Evidence, right: Evidence) -> bool:
    """Whether the first losses differ, although nothing distinguishes the sides before their first step."""
    return None not in (left.first_loss, right.first_loss) and repr(left.first_loss) != repr(right.first_loss)
