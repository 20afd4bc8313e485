"""What several seeds add to a side's chart: the band behind the median, or a single seed's curve."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gradtui.runs.results.bands import band_name
from gradtui.runs.results.series import Places
from gradtui.runs.results.wording import number
from gradtui.tui.followed_seeds import FollowedSeeds
from gradtui.tui.instruments import Instruments
from gradtui.tui.widgets.loss_chart import Picture

AXIS_COLUMNS = 100
"""Columns in which a part of a run, or a single seed, is searched for its extremes."""


@dataclass(frozen=True)
class SeedsShown:
    """The seeds of one side as the instruments show them; ``places`` are the x values of what is kept of their curves."""

    followed: FollowedSeeds
    variant: str
    look: Instruments
    places: Places

    def added_to(self, picture: Picture, columns: int) -> Picture:
        """The picture of the side's median with its band and a word about it, or that of the chosen seed."""
        seeds, look = self.followed.settings.all_seeds, self.look
        curves = self.followed.curves(self.variant, look.quantity)
        if curves is None:
            return replace(picture, corner=f"median of {len(seeds)} seeds")
        picture = replace(
            picture, band=curves.band(self.places, picture.first, picture.last, columns), corner=self._corner(curves.not_finite)
        )
        at = look.cursor and curves.at(look.cursor, look.seed)
        if look.seed is None or look.seed >= len(seeds):
            return replace(picture, at_cursor=f"{picture.at_cursor} ({_range(*at)})" if at else picture.at_cursor)
        broken = curves.first_not_finite[look.seed]
        return replace(
            picture,
            quantity=replace(look, smoothing=0.0).describe() + f", seed {seeds[look.seed]}",
            points=curves.of_seed(look.seed, self.places, picture.first, picture.last, columns),
            smooth=(),
            latest=number(curves.last[look.seed]) if len(curves) else number(None),
            mark=self._x_of(broken),
            mark_step=broken,
            at_cursor=_range(*at) if at else "",
        )

    def _x_of(self, step: float | None) -> float | None:
        """A step's x: that of the kept stretch that it is in."""
        curves = self.followed.curves(self.variant, self.look.quantity)
        if step is None or curves is None:
            return None
        return step if self.look.x_axis != "seconds" else self.places[curves.stretches.place(step)]

    def _corner(self, not_finite: int) -> str:
        seeds, look = self.followed.settings.all_seeds, self.look
        band = f"band: {band_name(len(seeds))}"
        if not_finite:
            return f"{band}, {not_finite} of {len(seeds)} not finite"
        return f"median of {len(seeds)} seeds, {band}" if look.seed is None else f"seed {look.seed + 1} of {len(seeds)}, {band}"


def _range(low: float, high: float) -> str:
    return number(low) if low == high or math.isnan(low) else f"{number(low)} to {number(high)}"


def extent_of_seeds(followed: FollowedSeeds, look: Instruments, first_step: int) -> Iterator[tuple[float, float, float]]:
    """The lowest, lowest positive and highest value of each side's band, and of the seed that is shown."""
    for variant in followed.settings.variants:
        curves = followed.curves(variant, look.quantity)
        if curves is None or not len(curves):
            continue
        xs = curves.stretches.xs
        if look.zoom == 1:
            yield curves.low, curves.low_positive, curves.high
        else:
            band = curves.band(xs, first_step, xs[-1], AXIS_COLUMNS)
            yield _extent([edge for point in band for edge in (point.low, point.high)])
        if look.seed is not None and look.seed < curves.seeds:
            yield _extent([y for _, y in curves.of_seed(look.seed, xs, first_step, xs[-1], AXIS_COLUMNS)])


def _extent(ys: list[float]) -> tuple[float, float, float]:
    finite = [y for y in ys if math.isfinite(y)]
    return min(finite, default=math.inf), min((y for y in finite if y > 0), default=math.inf), max(finite, default=-math.inf)
