"""The options of ``gradtui check``. They end where the script begins; everything after the script belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradtui.script.program import Program, WrongUsage

USAGE = "gradtui check [--steps N] [--json] SCRIPT [ARGUMENTS]  or  gradtui check [--steps N] [--json] -m MODULE [ARGUMENTS]"

HELP = f"""\
usage: {USAGE}

Run a training script as python would, and say whether its optimizers apply gradients that they have already applied.

  --steps N   end the script after N optimizer steps, counted over all optimizers
  --json      the report as one line of JSON, the last line on standard output
  -m MODULE   run a module, as python -m does
  -h, --help  show this

Exit code: 0 clean, 1 a finding, 2 wrong usage, 3 where no optimizer stepped or something could not be watched; a script
that failed keeps its own.
"""


@dataclass(frozen=True)
class Request(Program):
    """What the command line asks for."""

    steps: int | None = None
    as_json: bool = False
    help: bool = False


def parse(arguments: Sequence[str]) -> Request:
    """Parse the words after ``check``. Raises WrongUsage if they are not allowed."""
    rest = list(arguments)
    steps: int | None = None
    as_json = False
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            return Request(help=True)
        if word == "--json":
            as_json = True
        elif word == "--steps" or word.startswith("--steps="):
            steps = _steps(_value(word, rest))
        elif word == "-m" or (word.startswith("-m") and not word.startswith("--")):
            name = word[2:] or (rest.pop(0) if rest else "")
            if not name:
                raise WrongUsage("-m: got nothing; it takes the name of a module")
            return Request(name, True, rest, steps, as_json)
        elif word == "--":
            break
        elif word.startswith("-"):
            raise WrongUsage(f"got {_shown(word)}; before the script, it takes --steps N, --json and -m MODULE")
        else:
            rest.insert(0, word)
            break
    if not rest:
        raise WrongUsage("SCRIPT: got nothing; it takes the path of a Python script, or -m and the name of a module")
    return Request(rest[0], False, rest[1:], steps, as_json)


def _value(word: str, rest: list[str]) -> str:
    _, equals, value = word.partition("=")
    if equals:
        return value
    if not rest:
        raise WrongUsage("--steps: got nothing; it takes a whole number of at least 1")
    return rest.pop(0)


def _steps(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) >= 1):
        raise WrongUsage(f"--steps: got {_shown(text)}; it takes a whole number of at least 1")
    return int(text)


def _shown(text: str) -> str:
    """The text that was typed, quoted and shortened, without control characters."""
    return ascii(text) if len(text) <= 60 else ascii(text[:57]) + "..."
