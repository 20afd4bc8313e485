"""Notices when a step changes parameters that do not require a gradient, by momentum or weight decay."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from gradtui.check.watch.gradient_history import GradientHistory

LOOKS = 3
"""Compare the values before and after this many steps."""


class FrozenParameters:
    """The frozen parameters of one optimizer that still have a gradient: without one, torch's optimizers leave them alone."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        """The names of those that a step has changed."""
        self._kept: list[tuple[GradientHistory, Tensor]] = []
        self._looks = 0

    def before_step(self, watched: Iterable[tuple[GradientHistory, Tensor]]) -> None:
        """Keep the values of the frozen ones among the watched parameters."""
        if self._looks >= LOOKS:
            return
        for history, parameter in watched:
            if not parameter.requires_grad and parameter.grad is not None:
                history.keep_values(parameter)
                self._kept.append((history, parameter))

    def after_step(self) -> None:
        """Compare the values."""
        self._looks += bool(self._kept)
        self.changed |= {history.name for history, parameter in self._kept if history.values_changed(parameter)}
        self._kept.clear()
