"""``gradtui compare``: a run whose two sides are a user's own script."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gradtui.cli.parsing import DONE, WRONG_USAGE, Commands
from gradtui.contradictions import LAST_SEED
from gradtui.printing import printable
from gradtui.script.command_line import Option, help_text, parse
from gradtui.script.program import WrongUsage
from gradtui.settings import SETTINGS, RunSettings, SettingsError

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
    first = RunSettings.parse({**EXPERIMENT, **program, **given})
    csv = line.options.get("--csv")
    path, as_json = Path(csv) if csv is not None else None, "--json" in line.options
    seeds = _seeds(first.seed, line.options.get("--seeds", "1"))
    if len(seeds) == 1:
        return headless.run(first, csv=path, as_json=as_json)
    return headless.run_each([replace(first, seed=seed) for seed in seeds], csv=path, as_json=as_json)


def _seeds(first: int, count: str) -> range:
    """The seeds to run, counted up from the first. Raises SettingsError."""
    try:
        number = int(str(SETTINGS["seeds"].parse(count)))
    except ValueError as error:
        raise SettingsError({"seeds": str(error)}) from None
    if first + number - 1 > LAST_SEED:
        raise SettingsError({"seeds": f"got {number}; counting up from the seed {first}, they end above 2**64 - 1"})
    return range(first, first + number)


def _is_option(name: str) -> bool:
    return name not in NAMED_BY_COMPARE and SETTINGS[name].applies(EXPERIMENT)


def _options(names: Iterable[str]) -> list[Option]:
    """An option for each of these settings, and where the results go."""
    declared = [SETTINGS[name] for name in names]
    options = [Option(each.flag, f"{each.help} ({each.kind.allowed()})", each.kind.allowed()) for each in declared]
    seeds = SETTINGS["seeds"].kind
    return [
        *options,
        Option("--seeds", f"how many seeds to run, one after the other ({seeds.allowed()})", seeds.allowed(), "N"),
        Option("--csv", "also export the rows", "a path", "PATH"),
        Option("--json", "print the results as JSON on standard output, and nothing else there"),
    ]
