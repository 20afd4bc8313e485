"""An IPython shell without a screen, for the magics of a notebook's cells. Importing this needs IPython.

gradtui.script.notebook runs the cells; the shell transforms them and is what ``get_ipython()`` returns in them.
"""

from __future__ import annotations

import ast
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from traitlets.config import Config


class _Compiler(CachingCompiler):
    """Compiles what ``%%time`` and its like run under the name of their cell, with the cell's line numbers."""

    cell, source = "", ""
    """The running cell's name and source, if it begins with a cell magic."""

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> ast.AST:
        tree: ast.AST = super().ast_parse(source, filename, symbol)
        if self.cell:  # the magic runs the rest of its cell
            ast.increment_lineno(tree, _line_count(self.source) - _line_count(source))
        return tree

    def __call__(self, source: Any, filename: str, symbol: str, **options: Any) -> Any:
        return super().__call__(source, self.cell or filename, symbol, **options)

    def cache(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        return self.cell or str(super().cache(transformed_code, number, raw_code))


class Shell(InteractiveShell):
    """What a notebook's ``get_ipython()`` returns."""

    def init_display_formatter(self) -> None:
        super().init_display_formatter()
        self.display_formatter.active_types = ["text/plain"]  # nobody sees pictures: do not render any

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Draw without windows, whatever the notebook asks for."""
        return super().enable_matplotlib("inline")

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no event loop of a window system."""

    def _atexit_once(self) -> None:
        """Leave the notebook's variables alone at exit: the report comes later, and names them."""

    def ask_exit(self) -> None:
        """End the script when a cell calls exit() or quit()."""
        raise SystemExit

    def showtraceback(self, *arguments: Any, **options: Any) -> None:
        """Keep the error of what a magic has run; the cell fails with it."""
        self._error = sys.exc_info()[1]

    showsyntaxerror = showindentationerror = showtraceback
    _error: BaseException | None = None

    @contextlib.contextmanager
    def running(self, source: str, name: str) -> Iterator[str]:
        """The cell as Python, to be run inside this context, which tells extensions that a cell runs."""
        blank = len(source) - len(source.lstrip("\n"))
        python = "\n" * blank + self.transform_cell(source)  # IPython drops blank lines at the top
        if source.lstrip().startswith("%%"):
            self.compile.cell, self.compile.source = name, source
        info = ExecutionInfo(source, False, False, True, None)
        result = ExecutionResult(info)
        self.events.trigger("pre_execute")
        self.events.trigger("pre_run_cell", info)
        self._error = None
        try:
            yield python
            if self._error is not None:
                raise self._error
        except BaseException as error:
            result.error_in_exec = error
            raise
        finally:
            self.compile.cell = ""
            self._error = None
            self.events.trigger("post_execute")
            self.events.trigger("post_run_cell", result)


def started_shell(module: ModuleType) -> Shell:
    """The shell of this process, whose namespace is the module's."""
    _home.append(tempfile.TemporaryDirectory(prefix="gradtui-ipython-"))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    Shell.compiler_class = _Compiler
    shell: Shell = Shell.instance(config=config, ipython_dir=_home[0].name, user_module=module)
    shell.set_hook("show_in_pager", _print)
    return shell


_home: list[tempfile.TemporaryDirectory[str]] = []
"""The shell's folder, instead of ~/.ipython. It is removed at exit."""


def _print(shell: Shell, data: Any, start: int, screen_lines: int) -> None:
    print(data["text/plain"] if isinstance(data, dict) else data)


def _line_count(text: str) -> int:
    return len(text.rstrip("\n").split("\n"))
