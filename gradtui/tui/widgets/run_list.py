"""The list of saved runs. Only visible lines are built, so that a thousand runs take no longer than a screenful."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gradtui.printing import printable
from gradtui.runs.history import Summary
from gradtui.runs.results.wording import number

MARK, RUN, STATUS, LOSS = 1, 28, 9, 10
"""Column widths; the settings get the rest of the line."""
HEAD = ("", "run", "status", "left loss", "right loss", "settings")


class RunList(ScrollView):
    """Runs, one per line, with a cursor on one of them."""

    can_focus = False
    COMPONENT_CLASSES = {"run-list--head", "run-list--cursor", "run-list--bad"}
    DEFAULT_CSS = """
    RunList {
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
        .run-list--head { background: $panel; color: $text-muted; }
        .run-list--cursor { background: $accent 40%; color: $text; }
        .run-list--bad { color: $text-error; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.runs: Sequence[Summary] = ()
        self._marked: str | None = None
        self._cursor = 0

    def show(self, runs: Sequence[Summary], marked: str | None = None) -> None:
        """Replace the runs shown and keep the cursor on the same run; the run with the id ``marked`` gets a mark."""
        before, cursor, chosen = self.runs, self._cursor, self.chosen
        self.runs = runs
        if chosen is not None and [run.folder for run in runs[cursor : cursor + 1]] != [chosen.folder]:
            self._cursor = next((place for place, run in enumerate(runs) if run.folder == chosen.folder), cursor)
        top = self.scroll_offset.y
        for place in range(top, top + self.page):
            if before[place : place + 1] != runs[place : place + 1] or self._marked != marked:
                self._refresh_place(place)
        self._marked = marked
        widest = max((cell_len(summary.words) for summary in runs), default=0)
        self.virtual_size = Size(len(_columns(HEAD)) + widest, len(runs) + 1)
        if self._cursor != cursor or cursor >= len(runs):
            self._refresh_place(cursor)
            self.choose(self._cursor)

    @property
    def chosen(self) -> Summary | None:
        """The run under the cursor."""
        return self.runs[self._cursor] if self.runs else None

    def choose(self, place: int) -> None:
        """Move the cursor to a run, or the nearest one, and scroll it into view."""
        before, self._cursor = self._cursor, max(0, min(place, len(self.runs) - 1))
        first = min(self._cursor, max(self.scroll_offset.y, self._cursor - self.page + 1))
        self.scroll_to(y=first, animate=False, immediate=True)
        self._refresh_place(before)
        self._refresh_place(self._cursor)

    def _refresh_place(self, place: int) -> None:
        self.refresh(Region(0, place - self.scroll_offset.y + 1, self.size.width, 1))

    def move(self, lines: int) -> None:
        """Move the cursor down by this many lines, or up if negative."""
        self.choose(self._cursor + lines)

    @property
    def page(self) -> int:
        """Number of runs in view, below the fixed heading."""
        return max(1, self.size.height - 1)

    def on_resize(self) -> None:
        self.choose(self._cursor)

    def on_click(self, event: events.Click) -> None:
        if event.y > 0 and self.scroll_offset.y + event.y <= len(self.runs):
            self.choose(self.scroll_offset.y + event.y - 1)

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width, place = self.size.width, top + y - 1
        style = self.rich_style
        if y == 0:
            style = self.get_component_rich_style("run-list--head")
            segments = [Segment(_columns(HEAD), style)]
        elif place < len(self.runs):
            before, status, after = self._line(self.runs[place])
            if place == self._cursor:
                style = self.get_component_rich_style("run-list--cursor")
            bad = status.strip() in ("failed", "lost", "damaged") and place != self._cursor
            marked = self.get_component_rich_style("run-list--bad") if bad else style
            segments = [Segment(before, style), Segment(status, marked), Segment(after, style)]
        else:
            return Strip.blank(width, style)
        return Strip(segments).crop_extend(left, left + width, style)

    def _line(self, summary: Summary) -> tuple[str, str, str]:
        """A run's line in three parts: before the status, the status, and after it."""
        losses = [number(loss) if summary.state else "" for loss in summary.losses]
        mark = "A" if summary.folder.id == self._marked else ""
        line = _columns((mark, summary.folder.label, summary.status, *losses, printable(summary.words)))
        start, end = MARK + RUN + 3, MARK + RUN + STATUS + 3
        return line[:start], line[start:end], line[end:]


def _columns(fields: Sequence[str]) -> str:
    mark, run, status, left, right, settings = fields
    known = f"{set_cell_size(mark, MARK)} {set_cell_size(run, RUN)} {set_cell_size(status, STATUS)}"
    return f" {known} {left:>{LOSS}} {right:>{LOSS}}   {settings} "
