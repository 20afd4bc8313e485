"""What theory adds to a side's chart: the loss in closed form behind the measured one, the limits of the sharpness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from gradtui.policies import POLICIES
from gradtui.runs.columns import SHARPNESS, STEPS
from gradtui.runs.results.theory import Theory, stability_limits, theory_of
from gradtui.settings import RunSettings
from gradtui.tui.instruments import Instruments
from gradtui.tui.run_follower import Curves, FollowedRun
from gradtui.tui.widgets.loss_chart import Picture

Points = Sequence[tuple[float, float]]


def limits_of(settings: RunSettings, look: Instruments) -> tuple[int, ...]:
    """The limits to draw: those of the sharpness, where they are known; else none."""
    return stability_limits(settings) if look.quantity.column is SHARPNESS["sharpness"] else ()


def with_theory(
    picture: Picture, run: FollowedRun, side: int, look: Instruments, columns: int, steps: tuple[int, int]
) -> Picture:
    """The picture of a side with what theory says of it; ``steps`` are the first and last step shown."""
    if limits := limits_of(run.settings, look):
        policy = POLICIES[run.settings.policies[side]]
        below = f"; {run.settings.shorts[side]} is stable below {policy.limit}" if policy.limit else ""
        return replace(picture, levels=limits, corner=f"lines: {' and '.join(map(str, limits))}{below}")
    if not look.theory or look.quantity.column is not STEPS["loss"]:
        return picture
    curves = run.curves[run.settings.variants[side]]
    theory = theory_of(run.settings, side, _first_loss(run, side, look, curves))
    if theory is None:
        return picture
    points = _points(theory, *steps, columns)
    if look.x_axis == "seconds":
        done = run.steps[run.settings.variants[side]] if curves.seconds else 0  # the time of later steps is not known
        points = [(curves.seconds_at(x), y) for x, y in points if x <= done]
    return replace(picture, theory=points, corner=", ".join(filter(None, (picture.corner, "dashed: theory"))))


def _first_loss(run: FollowedRun, side: int, look: Instruments, curves: Curves) -> float | None:
    """The loss of step 1, of the median or of the seed that is shown; None if it is not known."""
    series = curves.series[look.quantity]
    if not len(series) or series.xs[0] != 1:
        return None
    if run.seeds is None or look.seed is None:
        return series.ys[0]
    seeds = run.seeds.curves(run.settings.variants[side], look.quantity)
    at = seeds.at(1, look.seed) if seeds is not None and look.seed < len(run.settings.all_seeds) else None
    return at[0] if at and at[0] == at[1] else None


@lru_cache(maxsize=8)  # both sides of two runs, before and after a resize
def _points(theory: Theory, first: int, last: int, columns: int) -> Points:
    """The curve, and its envelope as a line of its own."""
    curve = theory.points(first, last, columns)
    envelope = theory.envelope_points(first, last)
    return [*envelope, (float(last), float("nan")), *curve] if envelope else curve
