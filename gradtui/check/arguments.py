"""The options of ``gradtui check``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradtui.script import command_line
from gradtui.script.command_line import Option, help_text, shown
from gradtui.script.program import Program, WrongUsage

OPTIONS = (
    Option(
        "--steps", "end the script after N optimizer steps, counted over all optimizers", "a whole number of at least 1", "N"
    ),
    Option("--json", "print the report as one line of JSON, the last line on standard output"),
    Option("--strict", "notes count as findings"),
)
LONGEST_NUMBER = 15
"""Digits of the largest number of steps; int() refuses very long numbers with an error of its own."""


@dataclass(frozen=True)
class Request(Program):
    """What the command line asks for."""

    steps: int | None = None
    as_json: bool = False
    help: bool = False
    strict: bool = False


def parse(words: Sequence[str]) -> Request:
    """Parse the words after ``check``. Raises WrongUsage if they are not allowed."""
    line = command_line.parse(words, OPTIONS)
    steps = _steps(line.options["--steps"]) if "--steps" in line.options else None
    return Request(
        line.target, line.is_module, line.arguments, steps, "--json" in line.options, line.help, "--strict" in line.options
    )


def help() -> str:
    """What ``gradtui check --help`` prints."""
    return help_text(
        "gradtui check",
        "Run a training script as python would, or a notebook (.ipynb) as Jupyter would, and say whether its optimizers apply "
        "gradients that they have already applied.",
        OPTIONS,
        "Exit code: 0 clean, 1 a finding (or a note, with --strict), 2 wrong usage, 3 if no optimizer stepped or something was "
        "not watched; a script that fails keeps its own.",
    )


def _steps(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER and int(text) >= 1):
        raise WrongUsage(f"--steps: got {shown(text)}; it takes a whole number of at least 1")
    return int(text)
