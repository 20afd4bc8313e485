"""``gradtui stop``, ``pause`` and ``resume``: requests to the supervisor of a run."""

from __future__ import annotations

import argparse
import sys

from gradtui.cli.parsing import DONE, Commands, refuse

HELP = {
    "stop": "stop a run; its rows are kept",
    "pause": "pause a run",
    "resume": "resume a paused run",
}


def prepare(commands: Commands) -> None:
    """Add the three commands."""
    for name, help in HELP.items():
        parser = commands.add_parser(name, help=help, allow_abbrev=False)
        parser.set_defaults(command=run, request=name)
        parser.add_argument("run", nargs="?", default="last", metavar="RUN", help="an id, the beginning of one, or last")


def run(options: argparse.Namespace) -> int:
    """Leave a request file in the run's folder, which its supervisor obeys; return the exit code."""
    from gradtui.runs.saved_runs import find_run

    folder = find_run(options.run)
    state = folder.observe()
    if not state.live:
        return refuse(f"RUN: {folder.id} is {state.status}; there is nothing to {options.request}")
    {"stop": folder.request_stop, "pause": folder.request_pause, "resume": folder.request_resume}[options.request]()
    print(f"{folder.id}: asked to {options.request}", file=sys.stderr)
    return DONE
