"""Export a run as a self-contained SVG file with both loss curves and the results table.

All styling is in attributes that even old and minimal SVG renderers support: no style sheet, script, font or link.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from gradtui.printing import printable_block
from gradtui.runs.export.csv_lines import check_readable
from gradtui.runs.export.destination import Cancelled, check_target, check_wanted, exporting, never
from gradtui.runs.export.seed_bands import band_path, band_remark, read_bands
from gradtui.runs.folder import RunFolder
from gradtui.runs.results import table
from gradtui.runs.results.axes import UNIT_AXIS, Axis, log_axis, round_up
from gradtui.runs.results.bands import SeedCurves
from gradtui.runs.results.reader import RunReader, RunResults
from gradtui.runs.results.series import Series, Thinned
from gradtui.runs.results.table_row import Row
from gradtui.runs.results.theory import theory_of

HUES = ("#0072b2", "#b35900")
MARKS = ("●", "■")
"""The hue and the mark that distinguish the sides, left first, as in the app."""

INK, MUTED, FRAME, GRID, PAPER = "#1f2328", "#59636e", "#afb8c1", "#e6eaee", "#ffffff"
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

WIDTH, MARGIN = 960, 32
PLOT_WIDTH, PLOT_HEIGHT = 378, 250
TOP, BOTTOM = 134, 134 + PLOT_HEIGHT
TITLES = TOP - 20
LEFTS = (MARGIN + 56, WIDTH - MARGIN - PLOT_WIDTH)
"""Left edges of the two plots."""
TABLE_TOP, ROW_HEIGHT = BOTTOM + 76, 24
LEFT_END, RIGHT_END, DIFFERENCE = 350, 536, 604
"""Table columns: where each side's values end, and where the difference begins."""

DECADES_FOR_LOG = 3
MOST_STEP_TICKS, MOST_LOSS_TICKS = 6, 8
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NO_BANDS: Mapping[str, SeedCurves] = {}
MARKED_POINTS = 60
"""Up to this many points, each is drawn with its side's mark."""


def export_svg(
    folder: RunFolder, path: Path, *, overwrite: bool = False, log: bool | None = None, cancelled: Cancelled = never
) -> None:
    """Draw the current state of a run to an SVG file, atomically. Raises ExportError, DamagedRun.

    ``log`` says whether to draw the loss on a log axis; None lets :func:`suits_log` decide.
    """
    check_target(path, overwrite=overwrite)
    reader = RunReader(folder)
    for name in reader.state.variants:  # the reader passes over what it cannot read
        check_readable(folder.steps_csv(name))
        check_readable(folder.epochs_csv(name))
    losses = {name: Series() for name in reader.state.variants}
    while any(news := reader.advance()):
        for name, rows in news[0].items():
            losses[name].extend(rows.values["step"], rows.values["loss"], rows.spans("loss"))
        check_wanted(cancelled)
    reader.refresh_state()
    folder.read()  # raises if the run was deleted meanwhile: rows would be missing
    bands = read_bands(folder, reader.state.settings, cancelled)
    picture = svg_picture(reader.results(), losses, bands, log=suits_log(losses) if log is None else log)
    with exporting(path, overwrite=overwrite) as file:
        file.write(picture)


def suits_log(losses: Mapping[str, Series]) -> bool:
    """Whether a log axis shows more: the positive losses of both sides together span more than three decades.

    False if any loss is negative, since a log axis cannot show it.
    """
    low = min(series.low for series in losses.values())
    low_positive = min(series.low_positive for series in losses.values())
    high = max(series.high for series in losses.values())
    return low >= 0 and 0 < low_positive < high and math.log10(high) - math.log10(low_positive) > DECADES_FOR_LOG


def svg_picture(
    results: RunResults, losses: Mapping[str, Series], bands: Mapping[str, SeedCurves] = NO_BANDS, *, log: bool = False
) -> str:
    """Render a run as SVG text.

    ``losses`` are its curves by variant, ``bands`` those of all seeds, if there are several; ``log`` draws them on a log axis.
    """
    rows = table.rows(results)
    notes = [line for note in results.notes for line in textwrap.wrap(note, 140)]
    height = TABLE_TOP + ROW_HEIGHT * len(rows) + (20 * len(notes) + 8 if notes else 0) + MARGIN - 6
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="{SANS}" font-size="13" fill="{INK}" style="font-variant-numeric:tabular-nums">',
        f"<title>gradtui: {_text(_summary(results))}</title>",
        f"<desc>{_text(table.as_text(results))}</desc>",
        f'<rect width="{WIDTH}" height="{height}" rx="12" fill="{PAPER}"/>',
        *_head(results),
        *_charts(results, losses, bands, log),
        *_table(results, rows),
        *(
            _words(MARGIN, height - MARGIN + 6 - 20 * i, note, f'font-size="12" fill="{MUTED}"', most=140)
            for i, note in enumerate(reversed(notes))
        ),
        "</svg>",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def _summary(results: RunResults) -> str:
    """The settings in a few words, with the device that the training ran on."""
    settings = results.state.settings
    return replace(settings, device=results.state.device or settings.device).summary()


def _head(results: RunResults) -> Iterator[str]:
    state = results.state
    yield _words(MARGIN, 48, _summary(results), 'font-size="20" font-weight="600"')
    run = state.id if state.status == "finished" else f"{state.id} · {state.status}"
    yield _words(MARGIN, 72, run, f'font-family="{MONO}" font-size="12.5" fill="{MUTED}"', most=70)
    made_with = [f"{name} {state.versions[name]}" for name in ("gradtui", "torch") if name in state.versions]
    yield _words(WIDTH - MARGIN, 72, " · ".join(made_with), f'font-size="12.5" fill="{MUTED}" text-anchor="end"', most=60)


def _charts(results: RunResults, losses: Mapping[str, Series], bands: Mapping[str, SeedCurves], log: bool) -> Iterator[str]:
    """Both charts, on the same axes."""
    state, settings = results.state, results.state.settings
    steps = max((series.xs[-1] for series in losses.values() if series), default=0.0)
    last = max(2.0, results.last_step if state.live or not steps else steps)
    axis = _shared_axis([*losses.values(), *bands.values()], log)
    for side, name in enumerate(results.variants):
        chart = _Chart(side, losses[name], Axis(1.0, last), axis)
        yield from chart.frame()
        yield from chart.band(bands.get(name))
        theory = theory_of(settings, side, losses[name].ys[0] if losses[name] and losses[name].xs[0] == 1 else None)
        if theory is not None:
            yield from chart.theory(theory.points(1, round(last), PLOT_WIDTH // 2))
        yield from chart.curve()
        title = f"{MARKS[side]} {settings.titles[side]}"
        yield _words(chart.left, TITLES, title, f'font-size="15" font-weight="600" fill="{HUES[side]}"')
        remarks = [band_remark(bands[name])] if name in bands else []
        remarks += ["dashed: theory"] if theory is not None else []
        remarks += ["gaps: losses of 0 or below"] if axis.log and losses[name].low <= 0 else []
        if state.variants[name].status == "failed":
            reason = state.variants[name].reason
            remarks.append(f"failed: {reason}" if reason else "failed")
        yield _words(chart.left, BOTTOM + 43, " · ".join(remarks), 'font-size="12"', most=62)


def _shared_axis(losses: Sequence[Series | SeedCurves], log: bool) -> Axis:
    """The y axis for both curves and bands. It begins and ends at ticks; a linear one includes 0."""
    low, high = min(series.low for series in losses), max(series.high for series in losses)
    if low > high:
        return UNIT_AXIS
    if log:
        axis = log_axis(min(series.low_positive for series in losses), high)
        gap = math.ceil((axis.high - axis.low) / (MOST_LOSS_TICKS - 1))
        return replace(axis, low=axis.high - gap * math.ceil((axis.high - axis.low) / gap))
    step = round_up((max(high, 0.0) / 2 - min(low, 0.0) / 2) / (MOST_LOSS_TICKS - 1) * 2)
    bottom, top = math.floor(min(low, 0.0) / step + 1e-9) * step, math.ceil(max(high, 0.0) / step - 1e-9) * step
    largest = sys.float_info.max
    return Axis(max(bottom, -largest), min(max(top, bottom + step), largest))


@dataclass(frozen=True)
class _Chart:
    """One side's loss over its steps."""

    side: int
    losses: Series
    x_axis: Axis
    y_axis: Axis

    @property
    def left(self) -> int:
        return LEFTS[self.side]

    @property
    def right(self) -> int:
        return LEFTS[self.side] + PLOT_WIDTH

    def _across(self, step: float) -> float:
        return self.left + self.x_axis.place(step) * PLOT_WIDTH

    def _down(self, loss: float) -> float:
        return BOTTOM - self.y_axis.place(loss) * PLOT_HEIGHT

    def frame(self) -> Iterator[str]:
        """The grid and its tick labels."""
        y_ticks = [] if self.y_axis is UNIT_AXIS else self.y_axis.ticks(MOST_LOSS_TICKS)
        downs = [(BOTTOM - place * PLOT_HEIGHT, _label(label)) for place, label in y_ticks]
        acrosses = [(self._across(step), f"{step:,}") for step in _step_ticks(self.x_axis)]
        grid = [f"M{self.left} {y:.1f}h{PLOT_WIDTH}" for y, _ in downs] + [f"M{x:.1f} {TOP}v{PLOT_HEIGHT}" for x, _ in acrosses]
        yield f'<path d="{"".join(grid)}" stroke="{GRID}" fill="none"/>'
        yield f'<path d="M{self.left} {TOP}V{BOTTOM}H{self.right}" stroke="{FRAME}" fill="none"/>'
        yield f'<g font-size="12" fill="{MUTED}" text-anchor="end">'
        yield _words(self.left - 9, TITLES, "loss, log" if self.y_axis.log else "loss")
        yield _words(self.left - 9, BOTTOM + 21, "step")
        yield from (_words(self.left - 9, y + 4, label) for y, label in downs)
        yield "</g>"
        yield f'<g font-size="12" fill="{MUTED}" text-anchor="middle">'
        yield from (_words(x, BOTTOM + 21, label) for x, label in acrosses)
        yield "</g>"

    def band(self, curves: SeedCurves | None) -> Iterator[str]:
        """The band of several seeds, behind their median."""
        if curves is not None:
            points = curves.band(curves.stretches.xs, self.x_axis.low, self.x_axis.high, PLOT_WIDTH)
            path = band_path(points, self._across, self._down, BOTTOM, TOP)
            yield f'<path d="{path}" fill="{HUES[self.side]}" fill-opacity="0.2"/>' if path else ""

    def curve(self) -> Iterator[str]:
        """The curve, with gaps for losses off the axis and a line where it stops being finite; or why there is no curve."""
        points = self._points()
        drawn = [(x, y) for x, y in points if math.isfinite(y)]
        hue = HUES[self.side]
        if drawn:
            width = 1.8 if len(points) <= PLOT_WIDTH else 1.1  # two points per column form a band: keep its edges sharp
            line = f'stroke="{hue}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round"'
            yield f'<path d="{_path(points)}" {line} fill="none"/>'
            marked = drawn if len(self.losses) <= MARKED_POINTS else [self._end]
            yield f'<g fill="{hue}">' + "".join(self._mark(x, y) for x, y in marked if math.isfinite(y)) + "</g>"
        else:
            middle = f'fill="{MUTED}" font-size="15" text-anchor="middle"'
            yield _words_on_curve(self.left + PLOT_WIDTH / 2, (TOP + BOTTOM) / 2, self._why_nothing(), middle)
        if self.losses.first_not_finite is not None:
            yield from self._not_finite(self.losses.first_not_finite)

    def theory(self, points: Sequence[tuple[float, float]]) -> Iterator[str]:
        """A dashed curve through these steps and losses, inside the axes."""
        inside = [(step, loss if 0 <= self.y_axis.place(loss) <= 1 else math.nan) for step, loss in points]
        path = _path([(self._across(step), self._down(loss)) for step, loss in inside])
        if path:
            yield f'<path d="{path}" stroke="{FRAME}" stroke-width="4" stroke-dasharray="5 4" fill="none"/>'

    def _points(self) -> list[tuple[float, float]]:
        """At most as many points as the width can show; y is nan in gaps."""
        losses = self.losses
        if self.y_axis.log and losses.low <= 0:  # losses off the axis must not hide others
            losses = Series()
            losses.extend(self.losses.xs[:], [y if y > 0 else math.nan for y in self.losses.ys])
        thinned = Thinned(losses.xs, losses, self.x_axis.low, self.x_axis.high, PLOT_WIDTH)
        return [(self._across(x), self._down(y)) for x, y in thinned.points()]

    def _why_nothing(self) -> str:
        if not self.losses:
            return "no steps were recorded"
        return "no loss is above 0" if self.losses.low <= self.losses.high else "no loss is finite"

    @property
    def _end(self) -> tuple[float, float]:
        return self._across(self.losses.xs[-1]), self._down(self.losses.ys[-1])

    def _mark(self, x: float, y: float) -> str:
        if self.side == 0:
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'
        return f'<rect x="{x - 2.8:.1f}" y="{y - 2.8:.1f}" width="5.6" height="5.6"/>'

    def _not_finite(self, step: float) -> Iterator[str]:
        x = self._across(step)
        yield f'<path d="M{x:.1f} {TOP}V{BOTTOM}" stroke="{INK}" stroke-width="1.2" stroke-dasharray="4 4"/>'
        beside, anchor = (x + 8, "start") if x < self.left + 0.6 * PLOT_WIDTH else (x - 8, "end")
        bold = f'font-weight="600" text-anchor="{anchor}"'
        yield _words_on_curve(beside, BOTTOM - 14, f"not finite from step {step:,.0f}", bold)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A path through the points, interrupted at every gap; a point between two gaps becomes a dot."""
    stretches: list[list[str]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            stretches[-1].append(f"{x:.1f} {y:.1f}")
        elif stretches[-1]:
            stretches.append([])
    return "".join("M" + " ".join(stretch) + ("h0" if len(stretch) == 1 else "") for stretch in stretches if stretch)


def _step_ticks(axis: Axis) -> list[int]:
    """Ticks for the x axis: the first step and round steps, no more than their labels have space for."""
    most = min(MOST_STEP_TICKS, 1 + PLOT_WIDTH // (7 * len(f"{axis.high:,.0f}") + 12))
    steps = [axis.low + place * (axis.high - axis.low) for place, _ in axis.ticks(most)]
    whole = [round(step) for step in steps if abs(step - round(step)) < 1e-6 * axis.high]
    first = round(axis.low)
    return [first, *(step for step in whole if axis.place(step) > 0.06)]


def _label(label: str) -> str:
    """Typeset a tick label of :class:`Axis`: ``10⁻³`` for ``1e-03``."""
    digits, _, exponent = label.partition("e")
    if not exponent:
        return label
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return {"1": power, "-1": "-" + power}.get(digits, f"{digits}×{power}")


def _table(results: RunResults, rows: Sequence[Row]) -> Iterator[str]:
    """The results table, with aligned columns."""
    head = table.head(results)
    yield '<g font-weight="600">'
    yield _words(MARGIN, TABLE_TOP, head.label, f'fill="{MUTED}"')
    yield _words(LEFT_END, TABLE_TOP, f"{MARKS[0]} {head.left}", f'fill="{HUES[0]}" text-anchor="end"')
    yield _words(RIGHT_END, TABLE_TOP, f"{MARKS[1]} {head.right}", f'fill="{HUES[1]}" text-anchor="end"')
    yield _words(DIFFERENCE, TABLE_TOP, head.difference, f'fill="{MUTED}"')
    yield "</g>"
    downs = [TABLE_TOP + ROW_HEIGHT * (i + 1) for i in range(len(rows))]
    lines = "".join(f"M{MARGIN} {y - 16}h{WIDTH - 2 * MARGIN}" for y in downs)
    yield f'<path d="{lines}" stroke="{GRID}" fill="none"/>'
    yield f'<g fill="{MUTED}">'
    for y, row in zip(downs, rows, strict=True):
        label = row.label.lstrip()
        yield _words(MARGIN + 7 * (len(row.label) - len(label)), y, label)
        yield _words(DIFFERENCE, y, row.difference)
    yield "</g>"
    yield '<g text-anchor="end">'
    for y, row in zip(downs, rows, strict=True):
        yield _words(LEFT_END, y, row.left)
        yield _words(RIGHT_END, y, row.right)
    yield "</g>"


def _words(x: float, y: float, words: str, attributes: str = "", *, most: int = 80) -> str:
    """A line of text, truncated to ``most`` characters; the empty string if there are no words."""
    if not words:
        return ""
    cut = words if len(words) <= most else words[: most - 1] + "…"
    return f'<text x="{x:.5g}" y="{y:.5g}"{" " if attributes else ""}{attributes}>{_text(cut)}</text>'


def _words_on_curve(x: float, y: float, words: str, attributes: str, *, most: int = 80) -> str:
    """A line of text over a halo, which is drawn first because many renderers do not support ``paint-order``."""
    halo = _words(x, y, words, f'stroke="{PAPER}" stroke-width="4" stroke-linejoin="round" aria-hidden="true"', most=most)
    return f"<g {attributes}>{halo}{_words(x, y, words, most=most)}</g>"


def _text(words: str) -> str:
    """Escape words for XML, including characters that are not printable."""
    return escape(printable_block(words))
