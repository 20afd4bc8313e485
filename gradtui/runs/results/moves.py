"""How steadily a loss falls: its moves up and down, from epoch to epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from gradtui.runs.results.spans import Span, total
from gradtui.runs.results.thresholds import SMALLEST_RISE


@dataclass
class Moves:
    """Counts the moves of the mean loss of an epoch, which sees every sample once; batches alone differ too much.

    A move is a change since the last move by more than SMALLEST_RISE of the first loss. So a slow rise counts like a fast one,
    noise below that counts never, and a loss that has settled makes no more moves: the counts do not depend on how long the
    run goes on. An epoch whose loss is not finite is no move. Needs the memory of an epoch's losses.
    """

    epoch_steps: int = 1
    """Optimizer steps per epoch; 1 for a script, whose epochs are not known."""
    ups: int = 0
    downs: int = 0
    epochs: int = 0
    """Complete epochs whose mean is finite."""
    first: float | None = None
    last: float | None = None
    """The mean losses of the first and of the last complete epoch."""
    _level: float = math.nan  # where the last move ended
    _least: float = math.nan
    _rest: list[float] = field(default_factory=list)  # of the incomplete epoch

    def extend(self, span: Span, first_loss: float) -> None:
        """Add a span of losses; ``first_loss`` is the run's."""
        if self.first is None:
            self._least = SMALLEST_RISE * abs(first_loss)
        if self.epoch_steps > 1:
            self._add(self._means(span.values))
        elif self._within(span):  # the usual case in a long run
            self.epochs += span.end - span.start
            self.last = float(span.column[span.end - 1])
        else:
            self._add(span.values)

    @property
    def share_of_rises(self) -> float:
        """The share of the moves that are rises; 0 if there are no moves."""
        return self.ups / max(self.ups + self.downs, 1)

    @property
    def falls(self) -> bool:
        """Whether the last epoch's loss is below the first's by more than a move needs."""
        return None not in (self.first, self.last) and (self.first or 0) - (self.last or 0) > self._least

    def _within(self, span: Span) -> bool:
        """Whether no loss of the span is a move."""
        return span.finite and self._level - self._least <= span.low and span.high <= self._level + self._least

    def _means(self, values: list[float]) -> list[float]:
        """The mean losses of the epochs that ``values`` complete."""
        means, at = [], 0
        while at < len(values):
            piece = values[at : at + self.epoch_steps - len(self._rest)]
            at += len(piece)
            self._rest += piece
            if len(self._rest) == self.epoch_steps:
                means.append(total(self._rest) / self.epoch_steps)
                self._rest = []
        return means

    def _add(self, losses: list[float]) -> None:
        """Add the losses of complete epochs."""
        finite = [loss for loss in losses if -math.inf < loss < math.inf]
        if losses:
            self.last = losses[-1]
            self.first = losses[0] if self.first is None else self.first
        if not finite:
            return
        self.epochs += len(finite)
        level, least = (finite[0] if math.isnan(self._level) else self._level), self._least
        top, bottom = level + least, level - least
        for loss in finite:
            if loss > top:
                self.ups += 1
            elif loss < bottom:
                self.downs += 1
            else:
                continue
            level, top, bottom = loss, loss + least, loss - least
        self._level = level
