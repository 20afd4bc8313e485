"""Finds the running line of the user's code, skipping the frames of python, torch and gradtui itself."""

from __future__ import annotations

import linecache
import os
import stat
import sys
import sysconfig
from contextlib import suppress
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any, NamedTuple

frame_here = sys._getframe  # noqa: SLF001 (its public twin, inspect.currentframe, costs three times as much)
"""The caller's frame, or the one N levels further out."""

_OURS_AND_THE_FRAMES = 3
"""References to a frame's dict of locals: our variable, an argument, and the frame's own."""
_YOURS, _LIBRARY, _HIDDEN, _MAGIC = range(4)
_MAGICS = ("<timed exec>", "<timed eval>", "<magic-timeit>")
"""What IPython's %time and %timeit compile their code under: a part of a cell, which is found further out."""
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # all of gradtui
_PATHS = sysconfig.get_paths()
_LIBRARIES = tuple({_PATHS[name] + os.sep for name in ("purelib", "platlib")})
_STANDARD = tuple({_PATHS[name] + os.sep for name in ("stdlib", "platstdlib")})
_kinds: dict[str, int] = {}


class Place(NamedTuple):
    """A line of source; ``file`` is the path as python knows it, ``line`` counts from 1."""

    file: str
    line: int

    @property
    def source(self) -> str:
        """The line's text, stripped; empty if it cannot be read."""
        try:
            with suppress(OSError):  # no file: its loader or linecache itself may still know the source
                if not stat.S_ISREG(os.stat(self.file).st_mode):
                    return ""  # reading a pipe would block, reading a device may never end
            return (linecache.getline(self.file, self.line) or _typed(self.file, self.line)).strip()
        except ValueError:  # not a valid file name
            return ""

    def __str__(self) -> str:
        """``file:line``, relative to the working directory if the file is below it; ``In[3]:line`` in a notebook."""
        cell = _cell(self.file)
        if cell:
            return f"{cell}:{self.line}"
        try:
            here = os.getcwd() + os.sep
        except OSError:  # the script has removed it
            return f"{self.file}:{self.line}"
        file = self.file.removeprefix(here) if self.file.startswith(here) else self.file
        return f"{file}:{self.line}"


def _shell() -> Any:
    """IPython's shell; None if none runs."""
    ipython: Any = sys.modules.get("IPython.core.getipython")
    return ipython.get_ipython() if ipython is not None else None


def _cell(file: str) -> str:
    """What IPython calls the cell that it has compiled under this name; empty if it has not."""
    with suppress(AttributeError, TypeError, IndexError):  # there is no shell, or it is not IPython's
        return str(_shell().compile.format_code_name(file)[1])
    return ""


def _typed(file: str, line: int) -> str:
    """A line of a cell below a magic, as it was typed: python knows such a cell as one line, which calls the magic."""
    cell = _cell(file)
    with suppress(AttributeError, TypeError, IndexError, ValueError):
        typed: str = _shell().history_manager.input_hist_raw[int(cell[len("In[") : -1])]
        return typed.splitlines()[line - 1]
    return ""


def locals_of(frame: FrameType) -> dict[str, Any]:
    """The frame's local variables.

    Up to Python 3.12, a function's frame keeps the dict that ``f_locals`` returns, and with it all values, even those of
    variables that are deleted since. So remove them, unless the function itself has called locals() and holds that dict.
    """
    kept = frame.f_locals
    if kept is frame.f_globals or not frame.f_code.co_flags & CO_OPTIMIZED:
        return dict(kept)
    found = dict(kept)
    if sys.version_info < (3, 13) and sys.getrefcount(kept) <= _OURS_AND_THE_FRAMES:
        code = frame.f_code
        for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            kept.pop(name, None)
    return found


def is_torchs(code: CodeType) -> bool:
    """Whether this is torch's own code."""
    torch = sys.modules.get("torch")
    file = getattr(torch, "__file__", None)
    return file is not None and code.co_filename.startswith(os.path.dirname(file) + os.sep)


def users_place(frame: FrameType | None) -> Place | None:
    """The innermost line of the user's own code at or above ``frame``.

    If all code belongs to installed packages, the innermost line of theirs.
    """
    library = magic = None
    while frame is not None:
        file = frame.f_code.co_filename
        kind = _kinds.get(file)
        if kind is None:
            kind = _kinds[file] = _kind(frame.f_code)
        if kind == _YOURS:
            return Place(file, frame.f_lineno if magic is None else _line_in_cell(file, frame.f_lineno, magic))
        if kind == _MAGIC and magic is None:
            magic = frame.f_lineno
        if kind == _LIBRARY and library is None:
            library = Place(file, frame.f_lineno)
        frame = frame.f_back
    return library


def library_place(frame: FrameType | None) -> Place | None:
    """The innermost line of an installed package, other than torch, that runs below the user's own; None if there is none."""
    while frame is not None:
        kind = _kind(frame.f_code)
        if kind != _HIDDEN:
            return Place(frame.f_code.co_filename, frame.f_lineno) if kind == _LIBRARY else None
        frame = frame.f_back
    return None


def is_users(code: CodeType) -> bool:
    """Whether this is the user's own code."""
    return _kind(code) == _YOURS


def places_up(frame: FrameType | None) -> tuple[Place | None, Place | None]:
    """The innermost line of the user's own code at or above ``frame``, as :func:`users_place`, and the next one outside."""
    inner = users_place(frame)
    while frame is not None and inner is not None and (frame.f_code.co_filename, frame.f_lineno) != inner:
        frame = frame.f_back
    outer = users_place(frame.f_back) if frame is not None else None
    return inner, outer


def _line_in_cell(file: str, line: int, inside: int) -> int:
    """The cell's line that is line ``inside`` of what a magic runs, called from ``line``."""
    return line + inside if "run_cell_magic(" in linecache.getline(file, line) else line


def _kind(code: CodeType) -> int:
    file = code.co_filename
    if file in _MAGICS:
        return _MAGIC
    if file.startswith((_HERE, "<frozen")) or is_torchs(code):
        return _HIDDEN
    if file.startswith(_LIBRARIES) or f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file:
        return _LIBRARY
    return _HIDDEN if file.startswith(_STANDARD) else _YOURS
