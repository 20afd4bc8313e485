"""How the charts show a run: which quantity, over what, how smooth, which part. One value, changed by keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from gradtui.runs.columns import EPOCHS, SCALARS, SHARPNESS, STEPS, Column

T = TypeVar("T")


@dataclass(frozen=True)
class Quantity:
    """Something that the charts can show: its name and its column, which says in which rows it has a value."""

    name: str
    column: Column


QUANTITIES = tuple(
    Quantity(column.quantity, column)
    for sparse in (False, True)  # the key for the next quantity reaches first those that every row has
    for column in (*STEPS.columns, *EPOCHS.columns)
    if column.quantity and column.sparse is sparse
) + tuple(Quantity(column.quantity, column) for column in SHARPNESS.columns if column.quantity)


def logged_quantity(name: str) -> Quantity:
    """What a script logs with ``gradtui.log`` under this name, which may equal the name of a built-in quantity."""
    return Quantity(f"{name}, logged", SCALARS["value"])


SMOOTHINGS = (0.0, 0.6, 0.9, 0.99)
X_AXES = ("step", "epoch", "seconds")
ZOOMS = (1.0, 0.5, 0.1)
"""The share of the run that is shown, counted from its end."""
SIDE_BY_SIDE, DIFFERENCE = LAYOUTS = ("side by side", "difference")
"""What the charts of a run with several seeds show: both sides, or their paired difference."""


@dataclass(frozen=True)
class Instruments:
    """What the charts show. ``cursor`` is a step, or None; ``smoothing`` the weight of the past, 0 for none.

    ``seed`` is the place of a single seed among those of a run; None for their median and band. ``theory`` says whether to
    draw the loss in closed form, where there is one.
    """

    quantity: Quantity = QUANTITIES[0]
    log: bool = False
    smoothing: float = 0.0
    x_axis: str = "step"
    zoom: float = 1.0
    cursor: int | None = None
    layout: str = SIDE_BY_SIDE
    seed: int | None = None
    theory: bool = False

    def next_quantity(self, among: Sequence[Quantity] = QUANTITIES) -> Instruments:
        """Switch to the next quantity that the runs on screen have; to the first if they lack the current one."""
        return replace(self, quantity=_next(among, self.quantity) if self.quantity in among else among[0])

    def next_smoothing(self) -> Instruments:
        return replace(self, smoothing=_next(SMOOTHINGS, self.smoothing))

    def next_x_axis(self) -> Instruments:
        return replace(self, x_axis=_next(X_AXES, self.x_axis))

    def next_zoom(self) -> Instruments:
        return replace(self, zoom=_next(ZOOMS, self.zoom))

    def next_layout(self) -> Instruments:
        return replace(self, layout=_next(LAYOUTS, self.layout))

    def other_seed(self, seeds: int, direction: int) -> Instruments:
        """Step from the median and band through the single seeds and back, forwards (1) or backwards (-1)."""
        place = (0 if self.seed is None else self.seed + 1) + direction
        place %= seeds + 1
        return replace(self, seed=place - 1 if place else None)

    def other_theory(self) -> Instruments:
        return replace(self, theory=not self.theory)

    def other_scale(self) -> Instruments:
        return replace(self, log=not self.log)

    def describe(self) -> str:
        """The heading of a chart: ``loss (log, smooth 0.9)``."""
        how = [word for word, on in (("log", self.log), (f"smooth {self.smoothing:g}", self.smoothing)) if on]
        if self.zoom < 1:
            how.append(f"last {100 * self.zoom:.0f} %")
        return f"{self.quantity.name} ({', '.join(how)})" if how else self.quantity.name


def _next(values: Sequence[T], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)]
