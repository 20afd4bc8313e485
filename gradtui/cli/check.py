"""``gradtui check``: watch a user's own script. gradtui.check parses its words, because the script's own follow them."""

from __future__ import annotations

from collections.abc import Sequence

from gradtui.cli.parsing import Commands


def prepare(commands: Commands) -> None:
    """Add the command to the list of ``gradtui --help``."""
    commands.add_parser("check", help="run a training script and report missing zero_grad() calls")


def run(words: Sequence[str]) -> int:
    """Run the script and watch it; the exit code."""
    from gradtui.check.command import check

    return check(words)
