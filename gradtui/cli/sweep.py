"""``gradtui sweep``: a grid of runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from gradtui.cli.parsing import Commands, add_experiment_and_settings, given_settings
from gradtui.runs.results.thresholds import SEEDS_TO_JUDGE


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("sweep", help="train a grid of optimizers, learning rates and seeds", allow_abbrev=False)
    parser.set_defaults(command=run)
    add_experiment_and_settings(parser, without=("optimizer", "lr", "seeds", "timing_probe"))
    parser.add_argument("--optimizers", default="all", metavar="NAMES", help="comma-separated names, or all")
    parser.add_argument("--lrs", default="1e-3,1e-2,1e-1", metavar="NUMBERS", help="comma-separated learning rates")
    parser.add_argument(
        "--seeds",
        dest="count",
        default=str(SEEDS_TO_JUDGE),
        metavar="N",
        help="the number of seeds, counting up from --seed (%(default)s)",
    )
    parser.add_argument(
        "--resume", metavar="SWEEP", help="continue a sweep that was stopped or lost, or follow one in progress: an id, or last"
    )
    parser.add_argument("--csv", type=Path, metavar="PATH", help="also export the rows")
    parser.add_argument("--json", action="store_true", help="the grid as JSON on standard output, nothing else there")


def run(options: argparse.Namespace) -> int:
    """Start, resume or follow a sweep; return the exit code."""
    from gradtui.cli.sweep_follower import run_sweep
    from gradtui.runs.sweeps import sweep_list

    if options.resume is not None:
        folder = sweep_list.find_sweep(options.resume)
    else:
        folder = sweep_list.create_sweep(given_settings(options), options.optimizers, options.lrs, options.count)
    return run_sweep(folder, csv=options.csv, as_json=options.json)
