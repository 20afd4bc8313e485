"""What the commands' parsers share: options made from the settings, exit codes, refusals in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from gradtui.kinds import Switch
from gradtui.printing import printable
from gradtui.settings import SETTINGS

DONE, VARIANT_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 (argparse has no public name for it)
"""Where each command adds its parser."""


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"{self.prog}: {printable(message)}; {self.prog} --help shows what it takes\n")


def refuse(line: str) -> int:
    """Say in one line what is wrong; return the exit code."""
    print(f"gradtui: {printable(line)}", file=sys.stderr)
    return WRONG_USAGE


def add_experiment_and_settings(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    """Add the experiment, and an option per setting."""
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help=SETTINGS["experiment"].kind.allowed())
    add_settings(parser, [name for name in SETTINGS if name not in ("experiment", *without)])


def add_settings(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add an option for each of these settings."""
    for setting in map(SETTINGS.__getitem__, names):
        text = f"{setting.help} ({setting.kind.allowed()})".replace("%", "%%")
        switch: dict[str, Any] = {"nargs": "?", "const": "on"} if isinstance(setting.kind, Switch) else {}
        parser.add_argument(setting.flag, dest=setting.name, metavar="VALUE", help=text, **switch)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add --csv and --json."""
    parser.add_argument("--csv", type=Path, metavar="PATH", help="also export the rows")
    parser.add_argument("--json", action="store_true", help="the results as JSON on standard output, nothing else there")


def given_settings(options: argparse.Namespace) -> dict[str, object]:
    """The settings named on the command line."""
    return {name: value for name in SETTINGS if (value := getattr(options, name, None)) is not None}
