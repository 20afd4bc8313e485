"""``gradtui`` and ``gradtui attach``: the app on this terminal."""

from __future__ import annotations

import argparse
import sys

from gradtui.cli.parsing import Commands, refuse
from gradtui.printing import unguarded_output


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("attach", help="open the app on a run", allow_abbrev=False)
    parser.set_defaults(command=run)
    parser.add_argument("run", nargs="?", default="last", metavar="RUN", help="an id, the beginning of one, or last")


def run(options: argparse.Namespace) -> int:
    """Open the app, on a run if one is named; return the exit code."""
    for stream, name in ((sys.__stdin__, "input"), (sys.__stdout__, "output"), (sys.__stderr__, "error")):
        if stream is None or not stream.isatty():
            return refuse(
                f"standard {name} is not a terminal; over SSH use `ssh -t HOST gradtui`, without a terminal `gradtui run`"
            )
    from gradtui.runs.home import check_home
    from gradtui.runs.saved_runs import find_run

    check_home()
    run_name = getattr(options, "run", None)
    folder = find_run(run_name) if run_name is not None else None
    if folder is not None:
        folder.read()  # a damaged run is reported here, in one line
    from gradtui.tui.app import open_app

    with unguarded_output():
        return open_app(folder)
