"""``gradtui compare``: a run whose two sides are a user's own script."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from gradtui.cli.parsing import DONE, WRONG_USAGE, Commands
from gradtui.printing import printable
from gradtui.script.command_line import Option, help_text, parse
from gradtui.script.program import WrongUsage
from gradtui.settings import SETTINGS, RunSettings

NAMED_BY_COMPARE = ("experiment", "script", "module", "arguments", "directory")
"""The settings that the words of the command and the working directory give."""
EXPERIMENT = {"experiment": "script"}
ABOUT = (
    "Run a training script or a notebook (.ipynb) twice, unchanged, as the two sides of a run: with and without its "
    "zero_grad() calls."
)


def prepare(commands: Commands) -> None:
    """Add the command to the list of ``gradtui --help``; ``run`` parses its words, because the script's own follow them."""
    commands.add_parser("compare", help="run a training script twice, with and without its zero_grad() calls")


def run(words: Sequence[str]) -> int:
    """Run the script as both sides; the exit code. Raises SettingsError, ExportError, HomeError."""
    settings = {setting.flag: setting.name for setting in SETTINGS.values() if _is_option(setting.name)}
    try:
        line = parse(words, _options(settings.values()))
    except WrongUsage as error:
        print(f"gradtui compare: {printable(error)}", file=sys.stderr)
        return WRONG_USAGE
    if line.help:
        exit_codes = "Exit code: 0 done, 1 a side failed, 2 wrong usage, 130 interrupted."
        print(help_text("gradtui compare", ABOUT, _options(settings.values()), exit_codes), end="")
        return DONE
    from gradtui.cli import headless

    given = {settings[flag]: value for flag, value in line.options.items() if flag in settings}
    program = {"script": line.target, "module": line.is_module, "arguments": shlex.join(line.arguments)}
    csv = line.options.get("--csv")
    return headless.run(
        RunSettings.parse({**EXPERIMENT, **program, **given}),
        csv=Path(csv) if csv is not None else None,
        as_json="--json" in line.options,
    )


def _is_option(name: str) -> bool:
    return name not in NAMED_BY_COMPARE and SETTINGS[name].applies(EXPERIMENT)


def _options(names: Iterable[str]) -> list[Option]:
    """An option for each of these settings, and where the results go."""
    declared = [SETTINGS[name] for name in names]
    options = [Option(each.flag, f"{each.help} ({each.kind.allowed()})", each.kind.allowed()) for each in declared]
    return [
        *options,
        Option("--csv", "also export the rows", "a path", "PATH"),
        Option("--json", "print the results as JSON on standard output, and nothing else there"),
    ]
