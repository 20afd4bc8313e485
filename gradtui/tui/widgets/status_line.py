"""The top line: what is run, in which status, how far, how fast, how long still."""

from __future__ import annotations

from gradtui.runs.results import RunResults
from gradtui.runs.wording import count, duration, number
from gradtui.tui.widgets.lines import Line, Lines


class StatusLine(Lines):
    """One line; its left part says which run, its right part how it stands."""

    PREFIX = "status-line"
    COMPONENT_CLASSES = {"status-line--name", "status-line--status", "status-line--bad", "status-line--dim"}
    DEFAULT_CSS = """
    StatusLine {
        height: 1; background: $panel;
        .status-line--name { text-style: bold; color: $primary; background: $panel; }
        .status-line--status { text-style: bold; background: $panel; }
        .status-line--bad { text-style: bold; color: $text-error; background: $panel; }
        .status-line--dim { color: $text-muted; background: $panel; }
    }
    """

    def draw(self, summary: str, status: str, progress: str = "") -> None:
        """Show the summary of the settings at the left, the status and the progress at the right."""
        width = self.size.width
        name = " gradtui "
        right = f"{progress} " if progress else ""
        space = width - len(name) - len(status) - 2 - len(right)
        role = "bad" if status in ("failed", "lost") else "status"
        line: Line = [
            (name, "name"),
            (f" {summary}"[: max(0, space)].ljust(max(0, space)), "dim"),
            (f" {status} ", role),
            (right, "dim"),
        ]
        self.show([line])


def progress(results: RunResults, steps_per_second: float | None, *, wide: bool) -> str:
    """How far a run is: ``epoch 12/20``, and with room its steps per second and the time that is left."""
    settings = results.state.settings
    sides = [(side, variant) for side, variant in enumerate(results.variants.values()) if variant.status != "failed"]
    if settings.script is None:
        epoch = min((variant.steps // (settings.steps_per_epoch(side) or 1) for side, variant in sides), default=0)
        parts = [f"epoch {count(epoch)}/{count(settings.epochs)}"]
    else:  # a script alone knows its epochs
        step = min((variant.steps for _, variant in sides), default=0)
        parts = [f"step {count(step)}/{count(settings.steps)}" if settings.steps else f"step {count(step)}"]
    if steps_per_second and results.state.live:
        parts.append(f"{number(steps_per_second)} steps/s")
        if wide:
            left = sum((settings.planned_steps(side) or 0) - variant.steps for side, variant in sides)
            if left > 0:
                parts.append(f"{duration(left / steps_per_second)} left")
    return "  ".join(parts)
