"""The bands of a run with several seeds, for its picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from gradtui.runs.columns import SEED_STEPS, of_seeds
from gradtui.runs.export.csv_lines import check_readable
from gradtui.runs.export.destination import Cancelled, check_wanted
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.bands import BandPoint, SeedCurves, band_name
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings


def read_bands(folder: RunFolder, settings: RunSettings, cancelled: Cancelled) -> dict[str, SeedCurves]:
    """Each side's curves of all seeds, by variant; none for a run of one seed. Raises ExportError."""
    seeds = settings.all_seeds
    curves = {name: SeedCurves(len(seeds)) for name in settings.variants if len(seeds) > 1}
    for name, kept in curves.items():
        check_readable(folder.seeds_csv(name))
        tail = CsvTail(folder.seeds_csv(name), of_seeds(SEED_STEPS, seeds).columns)
        while (rows := tail.read()) is not None:
            kept.extend(rows.values["step"], [rows.values[str(seed)] for seed in seeds])
            check_wanted(cancelled)
    return curves


def band_remark(curves: SeedCurves) -> str:
    """What a curve and its band are, and how many seeds are not finite."""
    lost = f", {curves.not_finite} not finite" if curves.not_finite else ""
    return f"median of {curves.seeds} seeds{lost}, band: {band_name(curves.seeds)}"


def band_path(
    points: Sequence[BandPoint], across: Callable[[float], float], down: Callable[[float], float], low: float, high: float
) -> str:
    """The outline of a band as an SVG path: its upper edge, and its lower edge back; interrupted at every gap.

    ``across`` and ``down`` place values. An edge that is not finite, or has no place, is at ``low`` or ``high``.
    """
    outlines: list[list[BandPoint]] = [[]]
    for point in points:
        if not math.isnan(point.low):
            outlines[-1].append(point)
        elif outlines[-1]:
            outlines.append([])
    drawn = []
    for outline in filter(None, outlines):
        upper = [(across(point.x), _placed(point.high, down, high if point.high > 0 else low)) for point in outline]
        lower = [(across(point.x), _placed(point.low, down, low)) for point in outline]
        drawn.append("M" + " ".join(f"{x:.1f} {y:.1f}" for x, y in [*upper, *reversed(lower)]) + "Z")
    return "".join(drawn)


def _placed(value: float, down: Callable[[float], float], otherwise: float) -> float:
    place = down(value)
    return place if math.isfinite(place) else otherwise
