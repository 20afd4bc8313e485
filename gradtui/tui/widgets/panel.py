"""The panel below the charts: the results, the claims, the code of both sides, or their logs."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence

from gradtui.runs.folder import RunFolder
from gradtui.runs.history import Offer
from gradtui.runs.results import table
from gradtui.runs.results.claims import Claim, article_lines
from gradtui.runs.results.reader import RunResults
from gradtui.runs.results.rulings import HOLDS, UNKNOWN
from gradtui.runs.results.table_row import Row
from gradtui.runs.results.theory import theory_notes
from gradtui.settings import RunSettings
from gradtui.tui import keys
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.widgets.code_lines import code_lines
from gradtui.tui.widgets.styled_lines import Line, Lines

VIEWS = ("Results", "Claims", "Code", "Log")

LABEL, VALUE, VALUE_NARROW = 17, 18, 13
"""Fixed column widths, so that a new number shifts nothing."""
NARROW = 70
LOG_LINES = 50
DRAW_SECONDS = 1.0
WHEEL_LINES = 3


class Panel(Lines):
    """Shows one view of a run; a key switches to the next.

    It does its own scrolling: Textual would lay out the whole screen again whenever a view grows or shrinks.
    """

    PREFIX = "panel"
    COMPONENT_CLASSES = {
        f"panel--{role}"
        for role in ("head", "label", "left", "right", "difference", "holds", "fails", "unknown", "clears", "note", "code")
    }
    DEFAULT_CSS = """
    Panel {
        .panel--head, .panel--label, .panel--note, .panel--unknown { color: $text-muted; }
        .panel--left { color: $primary; }
        .panel--right { color: $secondary; }
        .panel--holds { color: $text-success; text-style: bold; }
        .panel--fails { color: $text-error; text-style: bold; }
        .panel--clears { text-style: bold reverse; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.view = VIEWS[0]
        self.text: Sequence[Line] = ()
        """All lines of the view."""
        self._top = 0
        self._drawn = 0.0
        self.border_title = self.view

    def next_view(self) -> None:
        """Switch to the next view."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self.border_title = self.view
        self._top = 0
        self._drawn = 0.0

    def scroll_pages(self, pages: int) -> None:
        """Scroll down by this many pages, or up if negative."""
        self._scroll(pages * max(1, self.size.height - 1))

    def on_mouse_scroll_down(self) -> None:
        self._scroll(WHEEL_LINES)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-WHEEL_LINES)

    def on_resize(self) -> None:
        self._scroll(0)

    def _scroll(self, lines: int) -> None:
        self._top += lines
        self._show(self.text)

    def _show(self, text: Sequence[Line]) -> None:
        """Show these lines from the scroll position; the subtitle says how many more there are."""
        height = self.size.height
        self.text, self._top = text, max(0, min(self._top, len(text) - height))
        below = len(text) - height - self._top
        more = f"{below} more: {keys.SCROLL.shown}" if below > 0 else keys.SCROLL_BACK.shown if self._top else ""
        if self.border_subtitle != more:
            self.border_subtitle = more
        shown = text[self._top : self._top + height]
        self.show([*shown, *[()] * (height - len(shown))])

    def announce(self, settings: RunSettings | None, offer: Offer | None) -> None:
        """Show, before there is a run, the code of the next one or which run can be opened."""
        lines: list[Line] = [[(f" The {self.view.lower()} of the run will appear here.", "note")]]
        if settings is not None:
            lines += _notes([*settings.notes, *theory_notes(settings)], self._width)
        if self.view == "Code":
            lines = code_lines(settings, self._width)
        elif offer is not None:
            how = f"press {keys.OPEN_OFFERED.shown} to open it, {keys.HISTORY.shown} for all runs."
            lines += [[], [(f" {offer.words}: ", "holds"), (how, "")]]
        self._show(lines)

    def draw(self, run: FollowedRun) -> None:
        """Draw a run's current state; while it trains, no more often than its numbers can be read."""
        now = time.monotonic()
        if run.state.status == "running" and now - self._drawn < DRAW_SECONDS:
            return
        self._drawn = now
        results = run.results()
        lines: Sequence[Line]
        if run.only_glanced and self.view in ("Results", "Claims"):
            lines = [[(f" The {self.view.lower()} will appear here once all steps have been read.", "note")]]
        elif self.view == "Code":
            lines = code_lines(results.state.settings, self._width)
        elif self.view == "Claims":
            lines = claim_lines(results, self._width)
        elif self.view == "Log":
            lines = log_lines(results, run.folder, self._width)
        else:
            lines = result_lines(results, self._width) + _notes(results.notes, self._width)
        self._show(lines)

    @property
    def _width(self) -> int:
        return max(40, self.size.width - 2)


def _notes(notes: Sequence[str], width: int) -> list[Line]:
    return [[(f" {line}", "note")] for note in notes for line in textwrap.wrap(note, width - 1)]


def result_lines(results: RunResults, width: int) -> list[Line]:
    """A line per quantity: both sides' values, and their difference or ratio."""
    space = VALUE if width >= NARROW else VALUE_NARROW
    names = table.head(results)
    head: Line = [(f" {names.label:<{LABEL}}{names.left:>{space}}{names.right:>{space}}   {names.difference}", "head")]
    return [head] + [_line(row, space) for row in table.rows(results)]


def _line(row: Row, space: int) -> Line:
    return [
        (f" {row.label:<{LABEL}}", "label"),
        (f" {row.left:>{space - 1}}", "left"),
        (f" {row.right:>{space - 1}}", "right"),
        (f"   {row.difference}", "difference"),
    ]


def claim_lines(results: RunResults, width: int) -> list[Line]:
    """The claims with their verdicts; before the run ends, a note that they are not judged yet."""
    if not results.claims:
        return [[(" The articles' claims are judged when the run has ended.", "note")]]
    lines: list[Line] = []
    for claim in results.claims:
        lines += _claim(claim, width)
    articles = [part for line in article_lines(results.claims) for part in textwrap.wrap(line, width - 1)]
    return [*lines, *([(f" {part}", "note")] for part in articles)]


def _claim(claim: Claim, width: int) -> list[Line]:
    role = {HOLDS: "holds", UNKNOWN: "unknown"}.get(claim.verdict, "fails")
    head: Line = [(f" {claim.verdict:<14}", role), (f" {claim.claim}", ""), (f"  article {claim.article}", "note")]
    said = "; ".join(filter(None, (claim.measured, claim.why)))
    return [head, *([(f"{'':<16}{part}", "note")] for part in textwrap.wrap(said, width - 17))]


def log_lines(results: RunResults, folder: RunFolder, width: int) -> list[Line]:
    """The last lines that both sides printed, long ones wrapped."""
    lines: list[Line] = []
    for role, name, title in zip(("left", "right"), results.variants, results.state.settings.titles, strict=True):
        printed = folder.last_log_lines(name, LOG_LINES)
        lines.append([(f" {title}", role), ("" if printed else "  printed nothing", "note")])
        lines += [[(f"   {part}", "code")] for line in printed for part in textwrap.wrap(line, width - 4)]
    return lines
