"""What is sent to the terminal when part of the screen changes."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from gradtui.tui.library_internals import cropped

Sent = list[tuple[int, int, str]]

LINES: list[Mapping[int, Strip | None]] = [
    {0: Strip([Segment("abc", Style(color="red")), Segment("def")]), 6: None, 9: Strip([Segment("jklm")])},
    {0: Strip([Segment("ABCDEF")]), 6: Strip([Segment("GHI")]), 9: Strip([Segment("JKLM")])},
]


def sent(*spans: tuple[int, int, int]) -> Sent:
    """What is sent for these spans (line, first column, column after the last), in order: line, column, text."""
    update = cropped(ChopsUpdate(LINES, list(spans), [[6, 9, 13]] * len(LINES)))
    assert isinstance(update, ChopsUpdate)
    sequences = re.sub(r"\x1b\[[\d;]*m", "", update.render_segments(Console(file=io.StringIO())))  # without colours
    return [(int(y) - 1, int(x) - 1, text) for y, x, text in re.findall(r"\x1b\[(\d+);(\d+)H([^\x1b]*)", sequences)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(1, 2, 4)], [(1, 2, "CD")]),
        ([(1, 0, 6)], [(1, 0, "ABCDEF")]),
        ([(1, 4, 11)], [(1, 4, "EF"), (1, 6, "GHI"), (1, 9, "JK")]),
        ([(1, 6, 7)], [(1, 6, "G")]),
        ([(0, 2, 4), (1, 12, 13)], [(0, 2, "cd"), (1, 12, "M")]),
        ([(0, 5, 10)], [(0, 5, "f"), (0, 9, "j")]),  # what lies under another widget is unknown
    ],
)
def test_only_the_columns_that_changed_are_sent(spans: list[tuple[int, int, int]], expected: Sent) -> None:
    assert sent(*spans) == expected


def test_other_updates_are_sent_as_they_are() -> None:
    whole = LayoutUpdate([[Strip([Segment("abc")])]], Region(0, 0, 3, 1))
    assert cropped(whole) is whole
    assert cropped(None) is None
