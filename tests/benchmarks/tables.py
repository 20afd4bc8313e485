"""The tables of the README's section on claims, made anew: ``python -m tests.benchmarks.tables [--seeds 10]`` prints Markdown.

The claims by ``gradtui run linear`` and ``gradtui run digits --seeds 10``, and the sweep of ``digits`` over all optimizers and
three learning rates: one machine, one command. Runs go to a temporary home; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from typing import Any

LRS = ("0.001", "0.01", "0.1")


def gradtui(*words: str) -> dict[str, Any]:
    """The JSON that a command prints."""
    print("gradtui", *words, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "gradtui", *words, "--json"], stdout=subprocess.PIPE, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def claims_table(linear: dict[str, Any], digits: dict[str, Any]) -> list[str]:
    lines = ["| claim | `linear` | `digits` |", "|---|---|---|"]
    for one, other in zip(linear["claims"], digits["claims"], strict=True):
        cells = [
            f"**{claim['verdict']}**: {'; '.join(filter(None, (claim['measured'], claim['why'])))}" for claim in (one, other)
        ]
        lines.append(f"| {one['claim']} | {' | '.join(cells)} |")
    return lines


def sweep_table(sweep: dict[str, Any]) -> list[str]:
    """A row per optimizer, a column per rate: the mean accuracies with / without, and their difference with its interval.

    The better side is bold where it is surely better, in italics where it is likely.
    """
    rows = {(row["optimizer"], row["lr"]): row for row in sweep["grid"]}
    lines = ["| | " + " | ".join(LRS) + " |", "|---" * (len(LRS) + 1) + "|"]
    for optimizer in dict.fromkeys(row["optimizer"] for row in sweep["grid"]):
        cells = [_cell(rows[optimizer, float(lr)]) for lr in LRS]
        lines.append(f"| {optimizer} | {' | '.join(cells)} |")
    return lines


def _cell(row: dict[str, Any]) -> str:
    difference = row["difference"]
    mark = {"surely": "**", "likely": "*"}.get(difference["verdict"], "")
    sides = [f"{100 * float(row[side]):.1f}" for side in ("left", "right")]
    if difference["better"] is not None:
        place = difference["better"] == "right"
        sides[place] = f"{mark}{sides[place]}{mark}"
    half = (difference["high"] - difference["low"]) / 2
    return f"{sides[0]} / {sides[1]} ({difference['mean']:+.1f} ± {half:.1f})"


def main() -> None:
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="10")
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as home:
        os.environ["GRADTUI_HOME"] = home
        linear, digits = gradtui("run", "linear"), gradtui("run", "digits", "--seeds", seeds)
        sweep = gradtui("sweep", "digits", "--lrs", ",".join(LRS), "--seeds", seeds)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    print("", *claims_table(linear, digits), sep="\n")
    print("", *sweep_table(sweep), "", sep="\n")
    for claim in sweep["claims"]:
        print(f"- {claim['claim']}: {claim['verdict']}; {claim['measured']}; {claim['why']}")


if __name__ == "__main__":
    main()
