"""``%load_ext gradtui``: ``%%gradcheck`` watches a cell, ``%gradcheck on`` all cells until ``%gradcheck off``.

``%%gradcheck`` is taken off the cell before IPython runs it as usual, so its lines, its ``await``, its errors and other cell
magics below it work as without it. The watch begins and ends with the events that IPython sends around each cell.
"""

from __future__ import annotations

import sys
from typing import Any

from gradtui.check.api import Watch

CELL_MAGIC = "%%gradcheck"
USAGE = "%gradcheck on|off|report, or %%gradcheck at the top of a cell"


class Extension:
    """The magics of one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cell: Watch | None = None
        """Watches the running cell."""
        self._session: Watch | None = None
        """Watches until ``%gradcheck off``."""

    def load(self) -> None:
        self._shell.events.register("pre_run_cell", self._begin_cell)
        self._shell.events.register("post_run_cell", self._end_cell)
        self._shell.input_transformers_cleanup.append(without_cell_magic)
        self._shell.register_magic_function(self.gradcheck, "line", "gradcheck")

    def unload(self) -> None:
        self._shell.events.unregister("pre_run_cell", self._begin_cell)
        self._shell.events.unregister("post_run_cell", self._end_cell)
        self._shell.input_transformers_cleanup.remove(without_cell_magic)
        for watch in (self._cell, self._session):
            if watch is not None:
                watch.stop()
        self._cell = self._session = None

    # %%gradcheck

    def _begin_cell(self, info: Any) -> None:
        if self._cell is None and has_cell_magic(info.raw_cell):
            self._cell = Watch()
            self._cell.start()

    def _end_cell(self, result: Any) -> None:
        watch = self._cell
        if watch is not None and has_cell_magic(result.info.raw_cell):
            self._cell = None
            watch.stop(result.error_before_exec or result.error_in_exec)
            print(f"\n{watch.report()}", end="")

    # %gradcheck

    def gradcheck(self, line: str) -> None:
        """%gradcheck on|off|report: watch what trains in the cells that follow, and report on it.

        ``report`` tells what was seen so far, and begins anew. ``%%gradcheck`` at the top of a cell watches that cell.
        """
        session, word = self._session, line.strip()
        if word not in ("on", "off", "report"):
            print(f"got {line.strip()!a}; it takes {USAGE}", file=sys.stderr)
        elif word == "on" and session is None:
            self._session = Watch()
            self._session.start()
        elif word == "on":
            print("gradcheck is already on", file=sys.stderr)
        elif session is None:
            print("gradcheck is off: %gradcheck on begins to watch", file=sys.stderr)
        else:
            print(session.report(), end="")
            self._session = None
            if word == "report":
                self.gradcheck("on")


def has_cell_magic(source: str) -> bool:
    """Whether the cell begins with %%gradcheck."""
    return source.split(maxsplit=1)[:1] == [CELL_MAGIC]


def without_cell_magic(lines: list[str]) -> list[str]:
    """The cell's lines without %%gradcheck. The others keep their numbers, unless another cell magic has to come first."""
    if not has_cell_magic("".join(lines[:1])):
        return lines
    return lines[1:] if "".join(lines[1:2]).startswith("%%") else ["\n", *lines[1:]]


_loaded: dict[int, Extension] = {}
"""By the shell's id."""


def load(shell: Any) -> None:
    """Add the magics to the shell, once."""
    if id(shell) not in _loaded:
        _loaded[id(shell)] = Extension(shell)
        _loaded[id(shell)].load()


def unload(shell: Any) -> None:
    """Take the magics away, as far as IPython allows: %gradcheck stays, and is off."""
    extension = _loaded.pop(id(shell), None)
    if extension is not None:
        extension.unload()
