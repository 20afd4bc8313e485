"""``gradtui compare``: a run whose two sides are a user's own script."""

from __future__ import annotations

from collections.abc import Sequence

from gradtui.cli.parsing import Commands, add_outputs, add_settings
from gradtui.cli.run import run
from gradtui.settings import SETTINGS

NAMED_BY_COMPARE = ("experiment", "script", "arguments", "directory")
"""The settings that the words of the command and the working directory give."""


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        help="run a training script twice, with and without its zero_grad() calls",
        usage="gradtui compare [OPTIONS] SCRIPT [ITS ARGUMENTS]",
        allow_abbrev=False,
    )
    parser.set_defaults(command=run, experiment="script")
    parser.add_argument("script", metavar="SCRIPT", help="what follows it belongs to the script")
    add_settings(
        parser,
        [name for name in SETTINGS if SETTINGS[name].applies({"experiment": "script"}) and name not in NAMED_BY_COMPARE],
    )
    add_outputs(parser)


def up_to_script(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the words of the command after the script: argparse would take some of the script's own arguments."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        at += 1 if "=" in words[at] or words[at] in ("--json", "-h", "--help") else 2
    return list(words[: at + 1]), list(words[at + 1 :])
