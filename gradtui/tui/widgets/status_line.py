"""The top line: the run, its status, progress, speed and time left."""

from __future__ import annotations

import time

from gradtui.runs.results.wording import count, duration, number
from gradtui.runs.state import DELETED
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.widgets.styled_lines import Line, Lines

DRAW_SECONDS = 1.0


class StatusLine(Lines):
    """One line: which run on the left, its status and progress on the right."""

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

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawn = (0.0, "", "")

    def draw(self, summary: str, status: str, progress: str = "") -> None:
        """Show the summary of the settings on the left, the status and the progress on the right.

        While the status is ``running``, the progress changes once a second, as every change is sent over the link.
        """
        now = time.monotonic()
        if status == "running" and self._drawn[1:] == (summary, status) and now - self._drawn[0] < DRAW_SECONDS:
            return
        self._drawn = (now, summary, status)
        width = self.size.width
        name = " gradtui "
        right = f"{progress} " if progress else ""
        space = width - len(name) - len(status) - 2 - len(right)
        role = "bad" if status in ("failed", "lost", DELETED) else "status"
        line: Line = [
            (name, "name"),
            (f" {summary}"[: max(0, space)].ljust(max(0, space)), "dim"),
            (f" {status} ", role),
            (right, "dim"),
        ]
        self.show([line])


def progress(run: FollowedRun, *, wide: bool) -> str:
    """A run's progress: ``epoch 12/20``, its steps per second and, if ``wide``, the time left."""
    settings, state = run.settings, run.state
    if state.note and (state.live or state.status == "lost"):
        return state.note
    if run.only_glanced:
        return f"reading {count(run.only_glanced)} steps"
    sides = [(side, run.steps[name]) for side, name in enumerate(run.steps) if state.variants[name].status != "failed"]
    if settings.can.count_epochs:
        epoch = min((steps // (settings.steps_per_epoch(side) or 1) for side, steps in sides), default=0)
        parts = [f"epoch {count(epoch)}/{count(settings.epochs)}"]
    else:  # only the script knows its epochs
        step = min((steps for _, steps in sides), default=0)
        parts = [f"step {count(step)}/{count(settings.steps)}" if settings.steps else f"step {count(step)}"]
    left = sum((settings.planned_steps(side) or steps) - steps for side, steps in sides)
    if sides and not left and state.live and settings.can.probe_times:
        parts.append("measuring the times")
    elif run.steps_per_second and state.status == "running":
        parts.append(f"{number(run.steps_per_second)} steps/s")
        if wide and left > 0:
            parts.append(f"{duration(left / run.steps_per_second)} left")
    return "  ".join(parts)
