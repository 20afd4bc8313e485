"""``with gradtui.watch() as w: train()``: watches a loop in a notebook, a REPL or a test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from gradtui.check.facts import Facts
from gradtui.check.loop_notes import Note
from gradtui.check.report import Report
from gradtui.check.verdict import NOT_WATCHED, NOTHING, ORDER, Finding
from gradtui.check.watch.guard import why
from gradtui.printing import printable
from gradtui.script.after_torch import after_torch

if TYPE_CHECKING:
    from gradtui.check.watch.watcher import Watcher

KINDS = (*ORDER, NOT_WATCHED, NOTHING)
"""What assert_clean() takes for ``ignore``."""


class Watch:
    """Watches everything that trains in this process, in any thread, from ``with`` to its end.

    Asking for a result ends the watching. Watches may overlap: each reports what it has seen itself. A watch that has ended
    holds plain data and no tensor, and has left nothing in torch.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.asserted = False
        """assert_clean() has been called."""
        self._quiet = quiet
        self._process = 0
        self._watcher: Watcher | None = None
        self._withdraw: Callable[[], None] = lambda: None
        self._unwatchable = ""
        self._running = False
        self._ended_by = ""
        self._seen: Report | None = None

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(error)
        if not self._quiet and os.getpid() == self._process:  # not in a child that the block has forked
            print(f"\n{self._text(_takes_color())}", end="")

    def start(self) -> None:
        """Begin to watch. Raises RuntimeError if it already does."""
        if self._running:
            raise RuntimeError("this watch has already begun; for one inside the other, use another gradtui.watch()")
        self._running, self._seen, self._ended_by, self._unwatchable = True, None, "", ""
        self._process = os.getpid()
        existing = "torch" in sys.modules
        self._withdraw = after_torch(lambda: self._begin(existing))

    def _begin(self, existing: bool) -> None:
        try:
            from gradtui.check.watch.watcher import Watcher

            self._watcher = Watcher()
            self._watcher.start()
            if existing:
                self._watcher.meet_existing()
        except Exception as error:  # noqa: BLE001 (the user's program must not fail because of us)
            self._unwatchable = f"this torch: {why(error)}"

    def stop(self, error: BaseException | None = None) -> None:
        """End the watching; ``error``: what has ended the block. Does nothing if it has ended."""
        if not self._running:
            return
        self._running = False
        self._withdraw()
        watcher, self._watcher = self._watcher, None
        facts = Facts()
        if watcher is not None:
            try:
                facts = watcher.facts()
                watcher.stop()
            except Exception as own:  # noqa: BLE001 (as in _begin())
                self._unwatchable = f"all of it: {why(own)}"
        self._ended_by = why(error) if error is not None and not _is_plain_exit(error) else ""
        lost = [self._unwatchable] if self._unwatchable else []
        self._seen = Report(
            [
                replace(
                    facts,
                    torch_imported="torch" in sys.modules,
                    not_watched=[*facts.not_watched, *lost],
                    idle_optimizers=[],  # they may have stepped before
                    script_code=1 if self._ended_by else 0,
                )
            ]
        )

    # Results

    @property
    def _judged(self) -> Report:
        self.stop()
        if self._seen is None:
            raise RuntimeError("this watch has not begun: with gradtui.watch() as w: ...")
        return self._seen

    @property
    def verdict(self) -> str:
        """The verdict in a word or two: ``"clean"``, ``"stale gradients"``, ``"no steps"``, ..."""
        return self._judged.verdict

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, most serious first; each with its kind, message, where and fix."""
        return list(self._judged.findings)

    @property
    def notes(self) -> list[Note]:
        """What is worth knowing and no finding; each with its kind, message and where."""
        return list(self._judged.notes)

    def report(self) -> str:
        """The report that ``gradtui check`` would print."""
        return self._text(color=False)

    def as_json(self) -> str:
        """The report that ``gradtui check --json`` would print."""
        return self._judged.as_json()

    def assert_clean(self, ignore: Collection[str] = ()) -> None:
        """Raise AssertionError with the report unless it is clean, or all that is wrong is of kinds to ``ignore``.

        Raises ValueError if there is no such kind.
        """
        __tracebackhide__ = True  # pytest shows the caller
        unknown = [kind for kind in ([ignore] if isinstance(ignore, str) else ignore) if kind not in KINDS]
        if unknown or isinstance(ignore, str):
            raise ValueError(f"ignore: got {unknown or ignore!r}; it takes a list of: {', '.join(KINDS)}")
        self.asserted = True
        judged = self._judged
        wrong = {finding.kind for finding in judged.findings} or ({judged.verdict} & {NOT_WATCHED, NOTHING})
        if not wrong <= set(ignore):
            raise AssertionError(self.report())

    def _text(self, color: bool) -> str:
        ended_by = f"\n  ended by {printable(self._ended_by)}\n" if self._ended_by else ""
        return self._judged.as_text(color) + ended_by


def _is_plain_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _takes_color() -> bool:
    is_terminal = getattr(sys.stdout, "isatty", lambda: False)()
    return bool(is_terminal) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
