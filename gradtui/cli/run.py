"""``gradtui run``: a run without the app."""

from __future__ import annotations

import argparse

from gradtui.cli.parsing import Commands, add_experiment_and_settings, add_outputs, given_settings
from gradtui.settings import RunSettings


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="train without the app", allow_abbrev=False)
    parser.set_defaults(command=run)
    add_experiment_and_settings(parser)
    add_outputs(parser)


def run(options: argparse.Namespace) -> int:
    """Train to the end; return the exit code."""
    from gradtui.cli import headless

    return headless.run(RunSettings.parse(given_settings(options)), csv=options.csv, as_json=options.json)
