"""Runs the user's script as python would: its arguments, its folder first on the path, ``__main__``, its exit.

A notebook is run by gradtui.script.notebook.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import importlib.util
import os
import pkgutil
import sys
import threading
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType, TracebackType

from gradtui.reasons import reason_of
from gradtui.script import notebook
from gradtui.script.notebook import NotANotebook, Notebook

INTERRUPTED = 130
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # all of gradtui
_FROZEN_IMPORT = "<frozen importlib"


class WrongUsage(ValueError):
    """The request cannot be carried out; the message says what was given and what is allowed."""


@dataclass(frozen=True)
class Program:
    """What to run: ``target``, the path of a script or notebook or a module's name, and its ``arguments``."""

    target: str = ""
    is_module: bool = False
    arguments: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ending:
    """How a program ended: its exit code, and a one-line reason if that is not 0."""

    code: int
    reason: str | None = None


def run(program: Program) -> Ending:
    """Run the program to its end. Raises WrongUsage if it does not exist."""
    _kept.append(sys.modules["__main__"])
    _show_as_started(program)
    try:
        code, module = _module(program) if program.is_module else _script(program)
        sys.modules["__main__"] = module
        if isinstance(code, Notebook):
            notebook.run(code, module)
        else:
            exec(code, module.__dict__)
    except WrongUsage:
        raise
    except BaseException as error:  # noqa: BLE001 (show whatever ends a script, as python does)
        return Ending(exit_code(error), _reason(error))
    return Ending(0)


def _show_as_started(program: Program) -> None:
    """Set sys.orig_argv as python would: a script may use it to restart itself."""
    import subprocess  # not for --help

    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 (no public name)
    words = ["-m", program.target] if program.is_module else [program.target]
    sys.orig_argv = [*sys.orig_argv[:1], *flags, *words, *program.arguments]


_kept: list[ModuleType] = []
"""The original __main__: dropping a module clears its globals, and this one's frames are still running."""


def wind_up() -> None:
    """Do what python does after a script's last line: join its threads and call its atexit handlers.

    This happens early so that the script's last output comes before the report. Doing it twice is harmless.
    """
    for each in (getattr(threading, "_shutdown", None), getattr(atexit, "_run_exitfuncs", None)):
        if each is not None:
            try:
                each()
            except BaseException as error:  # noqa: BLE001 (the script's own handler: python shows the error and continues)
                _show(error)


# Finding the code


def _main_module(code_file: str | None, spec: ModuleSpec | None) -> ModuleType:
    module = ModuleType("__main__")
    names: dict[str, object] = {"__builtins__": builtins, "__spec__": spec, "__file__": code_file}
    names |= {"__cached__": None, "__annotations__": {}}
    module.__dict__.update(names)
    return module


def _script(program: Program) -> tuple[CodeType | Notebook, ModuleType]:
    path = os.path.abspath(program.target)
    sys.argv = [program.target, *program.arguments]
    importer = pkgutil.get_importer(path) if os.path.exists(path) else None
    find = getattr(importer, "find_spec", None)
    if importer is not None and find is not None and (spec := find("__main__")) is not None:
        _set_first_path(path)  # a folder or a zip file with a __main__.py
        return _code_of(spec, program)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else os.strerror(error.errno or 0).lower()
        raise WrongUsage(f"SCRIPT: got {program.target!a}; {why}; it takes the path of a Python script") from None
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    if notebook.is_notebook(path, source):
        return _notebook(program, path, source)
    module = _main_module(path, None)
    module.__loader__ = SourceFileLoader("__main__", path)
    return compile(source, path, "exec", dont_inherit=True), module


def _notebook(program: Program, path: str, source: bytes) -> tuple[Notebook, ModuleType]:
    try:
        parsed = notebook.parse(path, source)
    except NotANotebook as error:
        raise WrongUsage(f"SCRIPT: got {program.target!a}; {error}; it takes a Jupyter notebook in Python") from None
    module = _main_module(None, None)
    del module.__file__  # as in Jupyter
    return parsed, module


def _module(program: Program) -> tuple[CodeType, ModuleType]:
    name = program.target
    sys.argv = ["-m", *program.arguments]
    _set_first_path(os.getcwd())
    spec = _find(name, name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _find(f"{name}.__main__", name)
    if spec is None:
        raise WrongUsage(f"-m: got {name!a}; there is no such module; it takes the name of one that python -m can run")
    code, module = _code_of(spec, program)
    sys.argv[0] = spec.origin or name
    return code, module


def _find(name: str, asked: str) -> ModuleSpec | None:
    if name.startswith("."):  # python -m takes no relative names either
        return None
    try:
        return importlib.util.find_spec(name)  # imports the parent packages
    except ModuleNotFoundError as error:
        if error.name is not None and (asked == error.name or asked.startswith(error.name + ".")):
            return None
        raise
    except ValueError:  # not a valid module name
        return None


def _code_of(spec: ModuleSpec, program: Program) -> tuple[CodeType, ModuleType]:
    get_code = getattr(spec.loader, "get_code", None)
    code = get_code(spec.name) if get_code is not None else None
    if code is None:
        raise WrongUsage(f"got {program.target!a}; it holds no Python code that could be run")
    module = _main_module(spec.origin, spec if program.is_module else None)
    module.__loader__, module.__package__ = spec.loader, spec.parent or ""
    return code, module


def _set_first_path(folder: str) -> None:
    if not getattr(sys.flags, "safe_path", False):  # python -P puts nothing there
        sys.path[0:1] = [folder]


# How it ended


def exit_code(error: BaseException) -> int:
    """The exit code that python would end with; the error is shown."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            number = 0 if error.code is None else int.__index__(error.code)  # a subclass may override anything
            return number & 0xFF if -(2**63) <= number < 2**63 else 0xFF
        with contextlib.suppress(Exception):  # str() runs the script's code; standard error may be closed
            print(error.code, file=sys.stderr)
        return 1
    _show(error)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _reason(error: BaseException) -> str | None:
    """A one-line reason for the ending; None if nothing went wrong."""
    if isinstance(error, SystemExit):
        code = error.code
        if code is None or (isinstance(code, int) and int.__index__(code) == 0):
            return None
        if isinstance(code, int):
            return f"the script ended with exit code {int.__index__(code)}"
    try:
        return reason_of(error) or type(error).__name__
    except Exception:  # noqa: BLE001 (the error's own code)
        return type(error).__name__


def _show(error: BaseException) -> None:
    """Show the error as python does: from the user's first frame on, without our frames."""
    trace = error.__traceback__ = _without_ours(error.__traceback__)
    with contextlib.suppress(Exception):  # closed, or replaced by something else
        sys.stdout.flush()
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException as another:  # noqa: BLE001 (the script's own hook; python continues too)
        another.__traceback__ = _without_ours(another.__traceback__)
        with contextlib.suppress(Exception):
            print("Error in sys.excepthook:", file=sys.stderr)
            sys.__excepthook__(type(another), another, another.__traceback__)
            print("\nOriginal exception was:", file=sys.stderr)
            sys.__excepthook__(type(error), error, trace)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    each = trace
    while each is not None:
        while each.tb_next is not None and each.tb_next.tb_frame.f_code.co_filename.startswith(_HERE):
            each.tb_next = each.tb_next.tb_next
        each = each.tb_next
    return trace


def _is_ours(file: str) -> bool:
    return file.startswith((_HERE, _FROZEN_IMPORT))
