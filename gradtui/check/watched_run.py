"""One run of a script under ``gradtui check``, from its first line to the report, however it ends."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradtui.check.arguments import Request
from gradtui.check.facts import Facts
from gradtui.check.report import UNWATCHED, Report
from gradtui.check.standard_output import StandardOutput, Taken
from gradtui.check.watch.guard import why
from gradtui.printing import printable
from gradtui.script.after_torch import after_torch
from gradtui.script.ends import Ends, LastWords, name_of, run_and_wait
from gradtui.script.program import INTERRUPTED, exit_code

if TYPE_CHECKING:
    from gradtui.check.ranks import Ranks
    from gradtui.check.watch.watcher import Watcher

LONGEST_WAIT = 2.0
"""How long os._exit() waits for a report that is being made, in seconds."""
ASKS_FOR_HELP = frozenset(("-h", "--help", "--version"))


class WatchedRun:
    """Runs the script in this process and ends the run with one report."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._process = os.getpid()
        self._output = StandardOutput()
        self._ranks = _join_ranks()
        self._watcher: Watcher | None = None
        self._unwatchable = ""
        self._reporting = threading.RLock()
        self._begun = False
        self._code = UNWATCHED
        """The report's exit code; UNWATCHED until there is a report."""

    def watch(self) -> None:
        """Watch the script once it has imported torch, and catch the exits that python does not report."""
        after_torch(self._start)
        Ends(self._at_exit, self._at_exec).watch()

    def forget(self) -> None:
        """Report nothing: there is no such script."""
        self._begun, self._code = True, 0

    def end(self, code: int, flush: bool = True) -> int:
        """Report on a script that has ended with this code, and return the command's exit code."""
        with self._reporting:
            if not self._begun:
                self._begun = True
                if flush:
                    self._output.flush_streams()
                try:
                    text, found = self._report(self._facts(code), wait=code == 0)
                    self._code = found or UNWATCHED  # not 0 until the report is out
                    if text:
                        self._output.write(text)
                    self._code = found
                    self._done()
                except KeyboardInterrupt:
                    return INTERRUPTED
                except SystemExit as error:  # a signal handler of the script's
                    _complain("the script's own exit has interrupted the report")
                    return code or exit_code(error) or self._code
                except Taken as error:
                    _complain(f"no report: {error}")
                except Exception as error:  # noqa: BLE001 (the user's program has run; our errors must not end it)
                    _complain(f"no report, as it cannot be made ({why(error)})")
            return code or self._code

    # While the script runs

    def _start(self) -> None:
        if os.getpid() != self._process:
            return
        try:
            from gradtui.check.watch.watcher import Watcher

            watcher = Watcher(self._request.steps)
            watcher.start()
            self._watcher = watcher
        except Exception as error:  # noqa: BLE001 (the script's import of torch must not fail because of us)
            self._unwatchable = f"this torch: {why(error)}"

    def _at_exit(self, code: int) -> int:
        """Report when the script calls os._exit(). Output that python still buffers is lost, as it would be without us.

        The call may be a watchdog's way out, so wait only briefly for a report that another thread is making.
        """
        if not self._reporting.acquire(timeout=LONGEST_WAIT):
            return code or UNWATCHED
        try:
            return self.end(code, flush=False)
        finally:
            self._reporting.release()

    def _at_exec(self, path: Any, argv: Any, env: Mapping[Any, Any]) -> None:
        """Run the program that the script's exec starts, and end the command with it."""
        run_and_wait(path, argv, env, lambda: self._last_words(name_of(path)))

    def _last_words(self, name: str) -> LastWords:
        text, file = "", None
        with self._reporting:
            if not self._begun:
                self._begun = True
                try:
                    facts = self._facts(0)
                    lost = f"what ran after the script had replaced itself (exec of {name})"
                    text, self._code = self._report(replace(facts, not_watched=[*facts.not_watched, lost]), wait=False)
                    file = self._output.file
                    self._done()
                except Taken as error:
                    _complain(f"no report: {error}")
                except Exception as error:  # noqa: BLE001 (as in end())
                    _complain(f"no report, as it cannot be made ({why(error)})")
        return LastWords(self._output.encoded(text), file, self._code)

    # Reporting

    def _facts(self, code: int) -> Facts:
        facts = self._watcher.facts() if self._watcher is not None else Facts(torch_imported=bool(self._unwatchable))
        return replace(
            facts,
            script_code=code,
            rank=self._ranks.rank if self._ranks is not None else 0,
            not_watched=[*facts.not_watched, *filter(None, [self._unwatchable])],
            asked_for_help=not ASKS_FOR_HELP.isdisjoint(self._request.arguments),
            started_others=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0,
        )

    def _report(self, facts: Facts, wait: bool) -> tuple[str, int]:
        """The report's text and its exit code. The text is empty if another rank reports."""
        ranks, heard, missing = self._ranks, [facts], list[int]()
        if ranks is not None:
            problem = ranks.tell(facts)
            if not ranks.reports:
                return "", self._code_beside_report(facts, ranks, problem)
            heard, missing = ranks.hear(facts, wait)
        # A rank whose own script has failed does not wait for the others.
        missing_here = ranks is not None and not facts.script_code and not set(ranks.here).isdisjoint(missing)
        report = Report(heard, missing, missing_here, strict=self._request.strict)
        text = report.as_json() if self._request.as_json else report.as_text(self._output.takes_color)
        return f"\n{text.rstrip()}\n", report.exit_code

    def _code_beside_report(self, facts: Facts, ranks: Ranks, problem: str) -> int:
        if problem and not facts.script_code:
            _complain(f"rank {facts.rank} cannot tell rank {ranks.here[0]} what it saw ({problem})")
            return UNWATCHED
        code = 1 if Report([facts]).findings else 0
        if code:
            ranks.wait_for_report()  # torchrun ends all ranks as soon as one exits with an error
        return code

    def _done(self) -> None:
        if self._ranks is not None and self._ranks.reports:
            self._ranks.done()


def _complain(problem: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"gradtui check: {printable(problem)}\n".encode(errors="backslashreplace"))


def _join_ranks() -> Ranks | None:
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    from gradtui.check.ranks import join

    return join(os.environ)
