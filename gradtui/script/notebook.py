"""Runs the code cells of a Jupyter notebook in order, in one namespace, as "Run all" in a fresh kernel would.

Cell 3 is compiled under the file name ``lab.ipynb[3]``, so that tracebacks and places read ``lab.ipynb[3]:2``. Cells are
counted as Jupyter counts ``In [3]``: code cells only, and not the blank ones.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import CO_COROUTINE
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from gradtui.script.magics import Magics

if TYPE_CHECKING:
    import asyncio

SUFFIX = ".ipynb"
MAY_FAIL, SKIPPED = "raises-exception", "skip-execution"
"""The cell tags that Jupyter's own runner (nbclient) obeys."""
_FUTURE = {name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}


class NotANotebook(ValueError):
    """The file cannot be run as a notebook; the message says why."""


@dataclass(frozen=True)
class CodeCell:
    """A code cell. ``name`` is what it is compiled under: the notebook's path and the cell's number."""

    name: str
    source: str
    may_fail: bool = False


@dataclass(frozen=True)
class Notebook:
    """A notebook's code cells, in order."""

    path: str
    cells: Sequence[CodeCell]


def is_notebook(path: str, source: bytes) -> bool:
    """Whether this is a notebook, by its name or else by what it holds. (As Python, an executed one is a valid expression.)"""
    if path.lower().endswith(SUFFIX):
        return True
    if not source.lstrip().startswith(b"{"):
        return False
    import json

    try:
        document = json.loads(source)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "nbformat" in document and not document.keys().isdisjoint(("cells", "worksheets"))


def parse(path: str, source: bytes) -> Notebook:
    """Parse a notebook of format 3 or 4. Raises NotANotebook if it is damaged or not in Python."""
    import json

    try:
        document = json.loads(source)
    except (ValueError, RecursionError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotANotebook(f"it is damaged (not valid JSON{where})") from None
    try:
        language = _language(document)
        cells = [CodeCell(f"{path}[{number}]", *each) for number, each in enumerate(_code_cells(document), 1)]
    except (AttributeError, KeyError, TypeError):
        raise NotANotebook("it is damaged (its JSON is not that of a notebook)") from None
    if not language.lower().startswith(("python", "ipython")):
        raise NotANotebook(f"it is a notebook in {language!a}, not in Python")
    return Notebook(path, cells)


def as_text(source: bytes) -> str:
    """The notebook's cells as one text, each under its number. Raises NotANotebook as parse() does."""
    cells = parse("", source).cells
    return "\n\n".join(f"# {cell.name}\n{cell.source}" for cell in cells)


def _language(document: Any) -> str:
    about = document.get("metadata", {})
    info, kernel = about.get("language_info", {}), about.get("kernelspec", {})
    return str(info.get("name") or kernel.get("language") or "python")


def _code_cells(document: Any) -> Iterator[tuple[str, bool]]:
    """The source of each code cell that is not blank, and whether it may fail."""
    sheets = document.get("worksheets", [document])  # the former in format 3
    for sheet in sheets:
        for cell in sheet["cells"]:
            if cell["cell_type"] != "code":
                continue
            source = cell["source"] if "source" in cell else cell["input"]
            text = source if isinstance(source, str) else "".join(source)
            tags = cell.get("metadata", {}).get("tags", [])
            if text.strip() and SKIPPED not in tags:
                yield text, MAY_FAIL in tags


def run(notebook: Notebook, module: ModuleType) -> None:
    """Run the cells in the module's namespace, with the notebook's folder as the working directory, as Jupyter does.

    Raises what a cell raises; its traceback begins in the cell.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")  # no windows
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = traceback.print_exception  # python's own, before 3.13, does not quote the lines of a cell
    stood = os.getcwd()
    os.chdir(os.path.dirname(notebook.path))
    kernel = _Kernel(module, Magics.of(module, notebook.path, [cell.source for cell in notebook.cells]))
    try:
        for cell in notebook.cells:
            try:
                kernel.run(cell)
            except Exception as error:
                if not cell.may_fail:
                    raise
                sys.excepthook(type(error), error, error.__traceback__)
    finally:
        kernel.close()
        os.chdir(stood)  # the report's paths are relative to where the user stands


class _Kernel:
    """What stays from cell to cell: the namespace, the magics, the event loop, ``from __future__ import``."""

    def __init__(self, module: ModuleType, magics: Magics) -> None:
        self._namespace = module.__dict__
        self._magics = magics
        self._flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, cell: CodeCell) -> None:
        lines = cell.source.splitlines(keepends=True)
        linecache.cache[cell.name] = (len(cell.source), None, lines, cell.name)  # no mtime: it is never thought outdated
        try:
            with self._magics.around(cell.source, cell.name) as python:
                for code in self._compiled(python, cell):
                    self._execute(code)
        except BaseException as error:
            error.__traceback__ = _from_cell(error.__traceback__, cell.name)
            raise

    def _compiled(self, source: str, cell: CodeCell) -> Iterator[CodeType]:
        """The cell's code; if its last statement is an expression without a semicolon, apart, so that its value is shown."""
        tree = compile(source, cell.name, "exec", self._flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        last = tree.body[-1:]
        shown = bool(last) and isinstance(last[0], ast.Expr) and not source.rstrip().endswith(";")
        if shown:
            tree.body.pop()
        code = compile(tree, cell.name, "exec", self._flags, dont_inherit=True)
        for flag in _FUTURE.values():
            self._flags |= code.co_flags & flag
        yield code
        if shown:
            yield compile(ast.Interactive(last), cell.name, "single", self._flags, dont_inherit=True)

    def _execute(self, code: CodeType) -> None:
        result = eval(code, self._namespace)
        if code.co_flags & CO_COROUTINE:
            import asyncio

            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(result)

    def close(self) -> None:
        if self._loop is not None:
            import asyncio

            asyncio.set_event_loop(None)
            self._loop.close()


def _from_cell(trace: TracebackType | None, name: str) -> TracebackType | None:
    """The traceback from the cell's first frame on, without what runs it."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != name:
        found = found.tb_next
    return found if found is not None else trace
