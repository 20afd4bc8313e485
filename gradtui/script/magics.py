"""IPython's additions to Python in a notebook's cells: ``%magics``, ``!commands`` and ``help?``.

IPython runs them where it is installed. Elsewhere they are skipped, and standard error says so once.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from gradtui.printing import printable

if TYPE_CHECKING:
    from gradtui.script.ipython_shell import Shell

PYTHON_INSIDE = ("%%time", "%%timeit", "%%capture", "%%prun", "%%gradcheck")
"""The cell magics whose cell is Python code."""
SHOWN = 3
_ASSIGNED = re.compile(r"^(\s*)([\w.,\s]+=)\s*[%!]")
_COMMAND = re.compile(r"^(\s*)[%!?]")
_TIMED = re.compile(r"^(\s*)%time\s+(?=\S)")
_HELP = re.compile(r"^(\s*)[\w.*]+\?\??\s*$")


class Magics:
    """Makes Python of what a cell holds. This class skips the magics."""

    @staticmethod
    def of(module: ModuleType, path: str, sources: Sequence[str]) -> Magics:
        """Run the magics of a notebook with these cells in the module's namespace if IPython is installed, else skip them."""
        try:
            from gradtui.script.ipython_shell import started_shell
        except ImportError:
            _say_skipped(path, sources)
            module.__dict__.setdefault("display", print)
            return Magics()
        return _IPythonsMagics(started_shell(module))

    @contextlib.contextmanager
    def around(self, source: str, name: str) -> Iterator[str]:
        """The cell as Python, to be run inside this context."""
        yield skip_magics(source)[0]


class _IPythonsMagics(Magics):
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    @contextlib.contextmanager
    def around(self, source: str, name: str) -> Iterator[str]:
        with self._shell.running(source, name) as python:
            yield python


def _say_skipped(path: str, sources: Sequence[str]) -> None:
    skipped = [line.strip() for source in sources for line in skip_magics(source)[1]]
    if skipped:
        some = ", ".join(printable(line) for line in skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
        print(
            f"gradtui: {printable(os.path.basename(path))}: IPython is not installed, so these are skipped: {some}",
            file=sys.stderr,
        )


def skip_magics(source: str) -> tuple[str, list[str]]:
    """The cell without its magics, line by line, and the lines that are skipped."""
    lines = source.splitlines()
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    skipped: list[str] = []
    if lines and lines[first].startswith("%%"):
        skipped.append(lines[first])
        if lines[first].split()[0] not in PYTHON_INSIDE:
            return "", skipped
        lines[first] = ""
    # Only where Python fails is a line a magic: one that begins with % may also be part of a text.
    for _ in range(len(lines)):
        problem = _line_of_problem("\n".join(lines))
        magics = [place for place, line in enumerate(lines) if _without_magic(line) is not None]
        if problem is None or not magics:
            break
        place = problem if problem in magics else magics[0]
        skipped.append(lines[place])
        continues = lines[place].endswith("\\")
        lines[place] = _without_magic(lines[place]) or ""
        while continues and place + 1 < len(lines):
            place += 1
            continues, lines[place] = lines[place].endswith("\\"), ""
    return "\n".join(lines), skipped


def _line_of_problem(source: str) -> int | None:
    """The index of the line that is not Python; None if all of it is."""
    try:
        compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return (error.lineno or 1) - 1
    except ValueError:  # a null character
        return 0
    return None


def _without_magic(line: str) -> str | None:
    """What is left of the line without its magic; None if it has none."""
    if match := _TIMED.match(line):
        return match[1] + line[match.end() :]
    if match := _ASSIGNED.match(line):
        return f"{match[1]}{match[2]} None"
    if match := _COMMAND.match(line) or _HELP.match(line):
        return f"{match[1]}pass"
    return None
