"""A widget of styled lines that sends only what changed: over SSH every byte counts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from gradtui.printing import printable

Line = Sequence[tuple[str, str]]
"""Pieces of one line: text and its role (a component class without its prefix; "" is plain text)."""


class Lines(Widget):
    """Shows lines; :meth:`show` repaints only the spans that changed."""

    PREFIX = "lines"
    """Prefix of the roles' component classes."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._plain: Style | None = None

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines shown; makes their text printable."""
        before, self._lines = self._lines, [[(printable(text), role) for text, role in line] for line in lines]
        if len(before) != len(self._lines):
            self.refresh(layout=True)
            return
        changed = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(before, self._lines, strict=True))
            if old != new
            for start, end in [_changed_span(old, new)]
            if end > start
        ]
        if changed:
            self.refresh(*changed)

    def style_of(self, role: str) -> Style:
        """The stylesheet's style for a role."""
        if role:
            return self.get_component_rich_style(f"{self.PREFIX}--{role}")
        if self._plain is None:
            self._plain = self.rich_style  # cached, as Textual builds it again each time
        return self._plain

    def notify_style_update(self) -> None:
        self._plain = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.style_of(""))
        strip = Strip([Segment(self.written(text, role), self.style_of(role)) for text, role in self._lines[y]])
        return strip.adjust_cell_length(self.size.width, self.style_of(""))

    def written(self, text: str, role: str) -> str:
        """The characters that a piece of a line is written with, as many as ``text`` has."""
        return text

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)


def _changed_span(old: Line, new: Line) -> tuple[int, int]:
    """The first column that differs and the one after the last; assumes that every character is one column wide."""
    before, after = _cells(old), _cells(new)
    longer, shorter = max(len(before), len(after)), min(len(before), len(after))
    start = next((x for x in range(shorter) if before[x] != after[x]), shorter)
    if len(before) != len(after):
        return start, longer
    end = next((x for x in range(shorter, start, -1) if before[x - 1] != after[x - 1]), start)
    return start, end


def _cells(line: Line) -> list[tuple[str, str]]:
    return [(character, role) for text, role in line for character in text]
