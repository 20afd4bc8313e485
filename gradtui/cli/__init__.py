"""The command line: a file per command, with its parser and what it runs.

Each command imports what it needs only when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from gradtui import __version__
from gradtui.cli import attach, check, compare, control, devices, export, listing, run, sweep
from gradtui.cli.parsing import DONE, INTERRUPTED, Parser, refuse
from gradtui.printing import guarded_output
from gradtui.private import fill_standard_descriptors
from gradtui.settings import SettingsError

COMMANDS = (run, compare, check, sweep, listing, export, control, attach, devices)
"""In the order of ``gradtui --help``."""


def parser() -> Parser:
    """The parser of all commands."""
    root = Parser(
        prog="gradtui",
        description="Train a model with and without optimizer.zero_grad(), side by side, and see what it does.",
        epilog="Without a command, gradtui opens its app.",
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"gradtui {__version__}")
    root.set_defaults(command=attach.run)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.prepare(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that this terminal cannot show is escaped, not an error
        sys.stdout.reconfigure(errors="backslashreplace")
    if given[:1] == ["check"]:  # the script's own arguments are not parsed here
        return check.run(given[1:])
    fill_standard_descriptors()
    try:
        with guarded_output():
            return _command(given)
    except KeyboardInterrupt:  # nothing was started that would have to be stopped
        return INTERRUPTED


def _command(given: list[str]) -> int:
    """Run any command except check, whose script may print anything."""
    try:
        if given[:1] == ["compare"]:  # as with check, what follows the script belongs to the script
            code = compare.run(given[1:])
        else:
            options = parser().parse_args(given)
            code = int(options.command(options))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        return DONE
    except SettingsError as error:
        name, problem = next(iter(error.errors.items()))  # one line: the first error
        return refuse(f"{name}: {problem}")
    except (OSError, LookupError, ValueError, RuntimeError) as error:
        from gradtui.runs.atomic import NO_SPACE

        if isinstance(error, OSError) and error.errno in NO_SPACE and error.filename is None:  # only streams have no name
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the buffered rest does not fail again at exit
            return refuse(f"standard output cannot be written ({os.strerror(error.errno)})")
        if not _is_ours(error):
            raise
        return refuse(str(error))
    return code


def _is_ours(error: Exception) -> bool:
    """Whether it is one of gradtui's own errors, whose message is written for the user."""
    return type(error).__module__.partition(".")[0] == "gradtui"
