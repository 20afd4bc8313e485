"""The command ``gradtui check``: run the script, watch it, report what was seen."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gradtui.check import arguments
from gradtui.check.arguments import Request
from gradtui.check.watched_run import WatchedRun
from gradtui.printing import printable
from gradtui.script import program
from gradtui.script.program import WrongUsage

WRONG_USAGE = 2


def check(words: Sequence[str]) -> int:
    """Run ``gradtui check`` with the words that follow it and return the exit code.

    0 clean, 1 a finding, 2 wrong usage, 3 if something was not watched or nothing stepped; a script that fails keeps its own.
    The script runs in this process as ``__main__``, and when it ends it leaves its modules, handlers and threads behind, as any
    script does.
    """
    try:
        request = arguments.parse(words)
        if request.help:
            print(arguments.help(), end="")
            return 0
        return _check(request)
    except WrongUsage as error:
        print(f"gradtui check: {printable(error)}", file=sys.stderr)
        return WRONG_USAGE


def _check(request: Request) -> int:
    process = os.getpid()
    run = WatchedRun(request)
    run.watch()
    try:
        code = program.run(request).code
    except WrongUsage:
        run.forget()
        raise
    if os.getpid() != process:  # a child that the script forked ends as it would without us
        return code
    program.wind_up()
    return run.end(code)
