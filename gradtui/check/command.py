"""The command ``gradtui check``: run the script, watch it, say what was seen."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtui.check.arguments import HELP, Request, parse
from gradtui.check.facts import Facts
from gradtui.check.report import Report
from gradtui.printing import printable
from gradtui.script import program
from gradtui.script.after_torch import after_torch
from gradtui.script.program import WrongUsage

if TYPE_CHECKING:
    from gradtui.check.ranks import Ranks
    from gradtui.check.watcher import Watcher

WRONG_USAGE = 2


def check(arguments: Sequence[str]) -> int:
    """Run ``gradtui check`` with these words after it; its exit code.

    0 clean, 1 a finding, 2 wrong usage, else what the script itself ended with. The script runs in this process, as
    ``__main__``, and leaves it as a script does: with its modules, its handlers and its threads behind it.
    """
    try:
        request = parse(arguments)
        if request.help:
            print(HELP, end="")
            return 0
        return _check(request)
    except WrongUsage as error:
        print(f"gradtui check: {printable(error)}", file=sys.stderr)
        return WRONG_USAGE


def _check(request: Request) -> int:
    process = os.getpid()
    output = _Output()
    ranks = _join_ranks()
    watch = _Watch(request.steps)
    after_torch(watch.start)
    code = program.run(request).code
    if os.getpid() != process:  # a child that the script has forked ends as it would without us
        return code
    program.wind_up()
    facts = watch.facts(code, ranks.rank if ranks is not None else 0)
    missing: list[int] = []
    heard = [facts]
    if ranks is not None:
        ranks.tell(facts)
        if not ranks.reports:
            return code or _exit_code_of_other_rank(facts, ranks)
        heard, missing = ranks.hear(facts, wait=code == 0)
    report = Report(heard, missing)
    output.write(report.as_json() if request.as_json else report.as_text(output.takes_color))
    if ranks is not None:
        ranks.done()
    return code or report.exit_code


def _exit_code_of_other_rank(facts: Facts, ranks: Ranks) -> int:
    code = Report([facts]).exit_code
    if code:
        ranks.wait_for_report()  # torchrun ends all ranks as soon as one has ended so
    return code


def _join_ranks() -> Ranks | None:
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    from gradtui.check.ranks import join

    return join(os.environ)


class _Watch:
    """The watcher, which needs torch, and is there once the script has imported it."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._watcher: Watcher | None = None

    def start(self) -> None:
        from gradtui.check.watcher import Watcher

        self._watcher = Watcher(self._limit)
        self._watcher.start()

    def facts(self, code: int, rank: int) -> Facts:
        watcher = self._watcher
        if watcher is None:
            return Facts(script_code=code, rank=rank)
        optimizers, orphans, elsewhere = watcher.facts()
        return Facts(
            optimizers=optimizers,
            orphans=orphans,
            backward_elsewhere=elsewhere,
            torch_imported=True,
            script_code=code,
            ended_early=watcher.ended_script,
            rank=rank,
        )


class _Output:
    """Standard output as it was before the script, which may close or replace it."""

    def __init__(self) -> None:
        try:
            self._file: int | None = os.dup(1)
        except OSError:  # there is none
            self._file = None
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        terminal = self._file is not None and os.isatty(self._file)
        self.takes_color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Write the text on lines of its own, after all that the script has printed."""
        for stream in (sys.stdout, sys.__stdout__):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                pass  # closed by the script, or nobody reads any more
        if self._file is None:
            return
        left = memoryview(f"\n{text.rstrip()}\n".encode(self._encoding, "backslashreplace"))
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            pass  # nobody reads any more; the exit code still tells
