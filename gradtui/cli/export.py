"""``gradtui export``: write a run in one of the export formats."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gradtui.cli.parsing import DONE, Commands


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("export", help="export a run as CSV, for TensorBoard, or as a picture", allow_abbrev=False)
    parser.set_defaults(command=run)
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or last")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--csv", type=Path, metavar="PATH", help="a row per variant and step; - is standard output")
    where.add_argument("--tensorboard", type=Path, metavar="DIR", help="event files, a run per variant")
    where.add_argument("--svg", type=Path, metavar="PATH", help="both charts and the table")
    parser.add_argument("--force", action="store_true", help="replace PATH if it exists")


def run(options: argparse.Namespace) -> int:
    """Export the run; return the exit code."""
    from gradtui.runs.export.csv_export import write_csv
    from gradtui.runs.export.destination import never
    from gradtui.runs.export.formats import FORMATS
    from gradtui.runs.saved_runs import find_run

    folder = find_run(options.run)
    if str(options.csv) == "-":
        write_csv(folder)
        sys.stdout.flush()
        return DONE
    for format in FORMATS:
        path = getattr(options, format.name)
        if path is not None:
            print(f"wrote {format.write(folder, path, options.force, never)}", file=sys.stderr)
    return DONE
