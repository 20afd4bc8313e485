"""The progress of a run on standard error: a bar on a terminal, else a line per epoch."""

from __future__ import annotations

import sys
import time

from gradtui.printing import write_over
from gradtui.runs.results.reader import RunReader
from gradtui.runs.results.wording import duration, number, percent
from gradtui.runs.tail import Chunk

ENOUGH_TO_ESTIMATE = 0.02
"""The time left is estimated once this share of the steps is done: until then start-up dominates the time."""


class EpochLines:
    """A line per epoch, printed once both variants have reached its end, or one of them never will."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._losses: dict[str, dict[int, float]] = {name: {} for name in reader.state.variants}
        self._accuracies: dict[str, dict[int, float]] = {name: {} for name in reader.state.variants}
        self._current = dict.fromkeys(reader.state.variants, 0)
        self._printed = 0

    def add(self, steps: dict[str, Chunk], epochs: dict[str, Chunk]) -> None:
        for name, rows in steps.items():
            self._losses[name].update(
                (int(epoch), loss) for epoch, loss in zip(rows.values["epoch"], rows.values["loss"], strict=True)
            )
            self._current[name] = int(rows.values["epoch"][-1])
        for name, rows in epochs.items():
            self._accuracies[name].update(
                (int(epoch), accuracy) for epoch, accuracy in zip(rows.values["epoch"], rows.values["accuracy"], strict=True)
            )
        # The last epoch in the rows may not be complete.
        self._print_until(min(self._current.values()) - 1)

    def show(self) -> None:
        """Lines are printed as rows arrive."""

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        self._print_until(max(self._current.values()))

    def _print_until(self, last: int) -> None:
        epochs = self._reader.state.settings.epochs
        for epoch in range(self._printed + 1, last + 1):
            parts = []
            settings = self._reader.state.settings
            for name, short in zip(settings.variants, settings.shorts, strict=True):
                loss = self._losses[name].pop(epoch, None)
                accuracy = self._accuracies[name].pop(epoch, None)
                text = f"{short} loss {number(loss)}"
                parts.append(text + (f" accuracy {percent(accuracy)}" if accuracy is not None else ""))
            print(f"epoch {epoch}/{epochs}  " + "  ".join(parts), file=sys.stderr)
            self._printed = epoch


class Bar:
    """One line on a terminal, updated in place."""

    WIDTH = 24

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._began = time.monotonic()
        self._last = ""

    def add(self, steps: dict[str, Chunk], epochs: dict[str, Chunk]) -> None:
        """The bar shows what the reader has counted."""

    def show(self) -> None:
        results = self._reader.results()
        planned = sum(results.state.settings.planned_steps(side) or 0 for side in (0, 1))
        done = sum(v.steps for v in results.variants.values())
        share = min(1.0, done / planned) if planned else 0.0
        bar = "#" * round(share * self.WIDTH)
        far = f"[{bar:<{self.WIDTH}}] {100 * share:3.0f} %" if planned else f"{done:,} steps"
        losses = "  ".join(
            f"{name} {number(v.final_loss)}"
            for name, v in zip(results.state.settings.shorts, results.variants.values(), strict=True)
        )
        elapsed = time.monotonic() - self._began
        left = f"  {duration(elapsed / share * (1 - share))} left" if ENOUGH_TO_ESTIMATE < share < 1 else ""
        line = f"{far}  {losses}{left}"
        if line != self._last:
            write_over(line)
            self._last = line

    def say(self, line: str) -> None:
        self.close()
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        write_over()
        self._last = ""
