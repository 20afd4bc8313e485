"""The command line of ``gradtui check`` and ``gradtui compare``: options, then a script or ``-m`` and a module.

The options end where the script begins; everything after the script belongs to it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradtui.script.program import Program, WrongUsage

HELP_WIDTH = 100
HELP_COLUMN = 18
"""Where the explanations of the options begin."""


@dataclass(frozen=True)
class Option:
    """One option: ``flag`` as typed, ``help`` for --help, and what its value may be (empty: it has no value)."""

    flag: str
    help: str
    takes: str = ""
    metavar: str = "VALUE"

    @property
    def shown(self) -> str:
        """The option as a usage line shows it."""
        return f"{self.flag} {self.metavar}" if self.takes else self.flag


@dataclass(frozen=True)
class CommandLine(Program):
    """The program that a command line names, and the options before it, by flag; the value of one without value is ""."""

    options: Mapping[str, str] = field(default_factory=dict)
    help: bool = False


def parse(words: Sequence[str], options: Sequence[Option]) -> CommandLine:
    """Parse the words after the command's name. Raises WrongUsage if they are not allowed."""
    known = {option.flag: option for option in options}
    rest, given = list(words), dict[str, str]()
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        option = known.get(flag)
        if word in ("-h", "--help"):
            return CommandLine(help=True)
        if option is not None and option.takes:
            given[flag] = value if equals else _next(rest, flag, option.takes)
        elif option is not None and not equals:
            given[flag] = ""
        elif word.startswith("-m"):
            name = word[2:] or _next(rest, "-m", "the name of a module")
            return CommandLine(name, True, rest, given)
        elif word == "--":
            break
        elif word.startswith("-"):
            *first, last = [each.shown for each in options] + ["-m MODULE"]
            raise WrongUsage(f"got {shown(word)}; before the script, it takes {', '.join(first)} and {last}")
        else:
            rest.insert(0, word)
            break
    if not rest:
        raise WrongUsage("SCRIPT: got nothing; it takes the path of a Python script, or -m and the name of a module")
    return CommandLine(rest[0], False, rest[1:], given)


def _next(rest: list[str], flag: str, takes: str) -> str:
    if not rest or not rest[0]:
        raise WrongUsage(f"{flag}: got nothing; it takes {takes}")
    return rest.pop(0)


def shown(text: str) -> str:
    """The text that was typed, quoted and shortened, without control characters."""
    return ascii(text) if len(text) <= 60 else ascii(text[:57]) + "..."


def help_text(command: str, about: str, options: Sequence[Option], exit_codes: str) -> str:
    """What ``--help`` prints."""
    everything = [
        *options,
        Option("-m", "run a module, as python -m does", "a name", "MODULE"),
        Option("-h, --help", "show this"),
    ]
    lines = []
    for option in everything:
        indent = " " * HELP_COLUMN
        text = textwrap.fill(option.help, HELP_WIDTH, initial_indent=indent, subsequent_indent=indent)
        head = f"  {option.shown}"
        lines.append(head.ljust(HELP_COLUMN) + text[HELP_COLUMN:] if len(head) < HELP_COLUMN - 1 else f"{head}\n{text}")
    usage = " ".join(f"[{option.shown}]" for option in options)
    if len(usage) > HELP_WIDTH // 2:
        usage = "[OPTIONS]"
    return "\n".join(
        [
            f"usage: {command} {usage} SCRIPT [ARGUMENTS]",
            f"   or  {command} {usage} -m MODULE [ARGUMENTS]",
            "",
            textwrap.fill(about, HELP_WIDTH),
            "",
            *lines,
            "",
            textwrap.fill(exit_codes, HELP_WIDTH),
            "",
        ]
    )
