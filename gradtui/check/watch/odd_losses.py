"""The losses of one optimizer that were not finite, and whose gradients a step has applied."""

from __future__ import annotations

from collections.abc import Iterable

from gradtui.check.source_lines import Place
from gradtui.check.torch.loss_values import is_finite


class OddLosses:
    """Losses that were not finite, by step. ``number`` counts the backward() calls of the process."""

    def __init__(self) -> None:
        self.unseen = 0
        """Number of losses before the first of these that were not looked at."""
        self._seen: dict[int, list[tuple[int, str, Place | None]]] = {}
        """For each step, the numbers of the backward() calls, the losses and the lines."""
        self._given_up: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        return bool(self._seen)

    def note(self, value: float, step: int, number: int, place: Place | None) -> None:
        """Record this loss, unless it is finite or its gradients have been given up."""
        if not is_finite(value) and not any(since < number <= until for since, until in self._given_up):
            self._seen.setdefault(step, []).append((number, str(value), place))

    def note_unseen(self, steps: Iterable[int], place: Place | None) -> None:
        """Record the unseen losses of these steps, because the steps' gradients are not finite."""
        for step in steps:
            self._seen.setdefault(step, [(0, "not finite", place)])

    def give_up(self, since: int, until: int) -> None:
        """The gradients of the backward() calls after ``since``, up to ``until``, are cleared, and no step has applied them."""
        self._given_up = [*self._given_up[-99:], (since, until)]
        for step, seen in list(self._seen.items()):
            kept = [each for each in seen if not since < each[0] <= until]
            if kept:
                self._seen[step] = kept
            else:
                del self._seen[step]

    @property
    def steps(self) -> int:
        """Number of steps with such a loss."""
        return len(self._seen)

    @property
    def first(self) -> int:
        return min(self._seen, default=0)

    @property
    def last(self) -> int:
        return max(self._seen, default=0)

    @property
    def value(self) -> str:
        """The first of these losses."""
        return self._seen[self.first][0][1] if self._seen else ""

    @property
    def place(self) -> Place | None:
        """The line of its backward()."""
        return self._seen[self.first][0][2] if self._seen else None
