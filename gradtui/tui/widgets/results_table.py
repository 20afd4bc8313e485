"""The results table on the screen."""

from __future__ import annotations

from gradtui.runs import table
from gradtui.runs.results import RunResults
from gradtui.tui.widgets.lines import Line, Lines

WIDTHS = (15, 16, 16)  # of the label and the two values; fixed, so that a new number moves nothing


class ResultsTable(Lines):
    """A row per quantity: WITH, WITHOUT, and their difference or ratio."""

    PREFIX = "results-table"
    COMPONENT_CLASSES = {f"results-table--{role}" for role in ("head", "label", "left", "right", "difference")}
    DEFAULT_CSS = """
    ResultsTable {
        height: auto;
        .results-table--head { color: $text-muted; }
        .results-table--label { color: $text-muted; }
        .results-table--difference { color: $text; }
    }
    """

    def draw(self, results: RunResults) -> None:
        """Show the numbers of a run."""
        left, right = results.state.settings.shorts
        head: Line = [(_row("", left, right), "head"), ("   difference", "head")]
        self.show([head] + [self._line(row) for row in table.rows(results)])

    def _line(self, row: table.Row) -> Line:
        label, left, right = WIDTHS
        return [
            (f" {row.label:<{label}}", "label"),
            (f"{row.left:>{left}}", "left"),
            (f"{row.right:>{right}}", "right"),
            (f"   {row.difference}", "difference"),
        ]


def _row(label: str, left: str, right: str) -> str:
    return f" {label:<{WIDTHS[0]}}{left:>{WIDTHS[1]}}{right:>{WIDTHS[2]}}"
