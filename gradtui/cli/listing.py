"""``gradtui list``: the saved runs."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from gradtui.cli.parsing import DONE, Commands
from gradtui.printing import printable

if TYPE_CHECKING:
    from gradtui.runs.folder import RunFolder


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("list", help="list the saved runs, newest first", allow_abbrev=False)
    parser.set_defaults(command=run)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the runs; return the exit code."""
    import json

    from gradtui.runs.saved_runs import all_runs
    from gradtui.runs.state import DeletedRun

    folders, entries = [], []
    for folder in all_runs():
        with suppress(DeletedRun):  # deleted in the meantime
            entries.append(_entry(folder))
            folders.append(folder)
    if options.json:
        print(json.dumps(entries, allow_nan=False))
        return DONE
    if not entries:
        print("no runs yet; gradtui run starts one", file=sys.stderr)
    for folder, entry in zip(folders, entries, strict=True):
        print(folder.label, entry["status"], printable(entry["summary"]), sep="  ")
    return DONE


def _entry(folder: RunFolder) -> dict[str, object]:
    """What ``--json`` says about a run. Raises DeletedRun."""
    from gradtui.runs.state import DamagedRun, DeletedRun

    try:
        state = folder.observe()
    except DeletedRun:
        raise
    except DamagedRun as error:
        return {"run": folder.id, "status": "damaged", "summary": str(error), "created": None, "settings": None}
    return {
        "run": state.id,
        "status": state.status,
        "summary": state.settings.summary(),
        "created": state.created,
        "settings": state.settings.as_dict(),
    }
