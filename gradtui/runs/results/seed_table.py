"""The lines of the results table that several seeds change: medians with an interval, paired differences, wins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from gradtui.runs.results.seed_results import SeedResults, SideSeeds
from gradtui.runs.results.statistics import LOG_RATIO, Difference, median_interval
from gradtui.runs.results.table_row import Row
from gradtui.runs.results.thresholds import INTERVAL_TAIL
from gradtui.runs.results.wording import UNKNOWN, count, factor, mean_difference, number, percent

NOT_FINITE = "not finite"


@dataclass(frozen=True)
class Compared:
    """A quantity that seeds are compared by. ``worst`` is what a value counts as that is nan: no seed is worse."""

    label: str
    better: str
    """What the better side is: ``lower`` or ``higher``."""
    say: Callable[[float | None], str]
    worst: float


LOSS = Compared("final loss", "lower", number, math.inf)
BEST_LOSS = Compared("best loss", "lower", number, math.inf)
ACCURACY = Compared("accuracy", "higher", percent, -math.inf)


def heading(seeds: int, names: tuple[str, str]) -> Row:
    """The table's headings."""
    left, right = names
    return Row(f"median, {count(seeds)} seeds", left, right, f"{left} against {right}")


def seed_rows(results: SeedResults, judged: Mapping[str, Difference], names: tuple[str, str]) -> list[Row]:
    """The lines on losses, accuracy and divergence.

    ``judged`` are the differences by quantity, none before the end; ``names`` are the two sides, left first.
    """
    left, right = results.left, results.right
    if not (_began(left) and _began(right)):
        return [Row(label, UNKNOWN, UNKNOWN, "") for label in (LOSS.label, BEST_LOSS.label, NOT_FINITE)]
    rows = [*_rows(LOSS, left.final_loss, right.final_loss, judged.get("final_loss"), names)]
    rows.append(Row(BEST_LOSS.label, _median(BEST_LOSS, left.best_loss), _median(BEST_LOSS, right.best_loss), ""))
    if left.accuracy is not None and right.accuracy is not None:
        rows += _rows(ACCURACY, left.accuracy, right.accuracy, judged.get("accuracy"), names)
    return [*rows, Row(NOT_FINITE, _diverged(left), _diverged(right), "")]


def _began(side: SideSeeds) -> bool:
    """Whether a side has taken a step."""
    return any(step is not None for step in side.diverged_at) or not all(map(math.isnan, side.final_loss))


def _rows(
    what: Compared, left: Sequence[float], right: Sequence[float], judged: Difference | None, names: tuple[str, str]
) -> Iterator[Row]:
    """The medians and the verdict; their intervals and that of the difference; how many seeds each side wins."""
    seeds = len(left)
    verdict = "judged at the end" if judged is None else _verdict(judged, what.better, names)
    yield Row(what.label, _median(what, left), _median(what, right), verdict)
    label = "  95 % interval" if has_interval(seeds) else "  min to max"
    yield Row(label, _interval(what, left), _interval(what, right), "" if judged is None else _size(judged))
    if judged is not None:
        ties = f"{count(judged.ties)} undecided" if judged.ties else ""
        left_won, right_won = (f"{count(wins)} of {count(seeds)}" for wins in (judged.left_wins, judged.right_wins))
        yield Row("  seeds won", left_won, right_won, ties)


def has_interval(seeds: int) -> bool:
    """Whether the median of so many seeds has a 95 % interval: even from the lowest to the highest one may miss it."""
    return bool(0.5**seeds <= INTERVAL_TAIL)


def _counted(what: Compared, values: Sequence[float]) -> list[float]:
    return [what.worst if math.isnan(value) else value for value in values]


def _median(what: Compared, values: Sequence[float]) -> str:
    middle = median(_counted(what, values))
    return what.say(middle) if math.isfinite(middle) else NOT_FINITE


def _interval(what: Compared, values: Sequence[float]) -> str:
    """``0.28–0.33``; one-sided where the other end is not finite."""
    low, high = median_interval(_counted(what, values))
    if not (math.isfinite(low) or math.isfinite(high)):
        return NOT_FINITE
    if not math.isfinite(high):
        return f"from {what.say(low)}"
    return f"{what.say(low).removesuffix(' %')}–{what.say(high)}" if math.isfinite(low) else f"up to {what.say(high)}"


def _verdict(judged: Difference, better: str, names: tuple[str, str]) -> str:
    """``surely WITH lower``, ``cannot tell``."""
    return judged.verdict if judged.better is None else f"{judged.verdict} {names[judged.better == 'right']} {better}"


def _size(judged: Difference) -> str:
    """Left against right with the 95 % interval: ``0.74x (0.7–0.77)``, ``+2.7 ± 0.8 points``."""
    if judged.unit != LOG_RATIO or math.isnan(judged.low):
        return mean_difference(judged)
    return f"{factor(judged.mean)}x ({factor(judged.low)}–{factor(judged.high)})"


def _diverged(side: SideSeeds) -> str:
    lost = sum(step is not None for step in side.diverged_at)
    return f"{count(lost)} of {count(len(side.diverged_at))} seeds" if lost else "all finite"
