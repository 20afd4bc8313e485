"""``gradtui export``: write a run in one of the export formats."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gradtui.cli.parsing import DONE, Commands
from gradtui.runs.export.formats import FORMATS

STDOUT = "-"
"""The path that means standard output."""


def prepare(commands: Commands) -> None:
    """Add the command."""
    titles = ", ".join(format.title for format in FORMATS)
    parser = commands.add_parser("export", help=f"write a run to a file: {titles}", allow_abbrev=False)
    parser.set_defaults(command=run)
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or last")
    where = parser.add_mutually_exclusive_group(required=True)
    for format in FORMATS:
        stdout = f"; {STDOUT} is standard output" if format.to_stdout else ""
        where.add_argument(f"--{format.name}", type=Path, metavar=format.metavar, help=format.help + stdout)
    parser.add_argument("--force", action="store_true", help="replace PATH if it exists")


def run(options: argparse.Namespace) -> int:
    """Export the run; return the exit code."""
    from gradtui.runs.export.destination import never
    from gradtui.runs.saved_runs import find_run

    folder = find_run(options.run)
    format, path = next((format, path) for format in FORMATS if (path := getattr(options, format.name)) is not None)
    if str(path) == STDOUT and format.to_stdout is not None:
        format.to_stdout(folder)
        sys.stdout.flush()
    else:
        print(f"wrote {format.write(folder, path, options.force, never)}", file=sys.stderr)
    return DONE
