"""The assumptions about the private parts of Textual and plotext, and that no other file makes any."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import pkgutil
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import plotext
import pytest
from textual._compositor import ChopsUpdate, Compositor
from textual.app import App
from textual.binding import BindingsMap
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Input

import gradtui.tui
from gradtui.tui import library_internals

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(gradtui.tui.__path__, "gradtui.tui.")
    if module.name != library_internals.__name__
)


# Each assumption, by name


def parameters(function: object) -> list[str]:
    assert callable(function)
    return [*inspect.signature(function).parameters]


def test_the_app_hands_every_update_to_display() -> None:
    assert parameters(App._display) == ["self", "screen", "renderable"]
    assert "_display" in inspect.getsource(Screen)


def test_a_partial_update_has_chops_spans_and_chop_ends() -> None:
    assert parameters(ChopsUpdate) == ["chops", "spans", "chop_ends"]
    assert {"chops", "spans", "chop_ends"} <= vars(ChopsUpdate([], [], [])).keys()
    assert parameters(ChopsUpdate.render_segments) == ["self", "console"]
    assert "ChopsUpdate(" in inspect.getsource(Compositor.render_partial_update)
    assert parameters(Strip.crop)[:3] == ["self", "start", "end"]
    assert parameters(Strip.render) == ["self", "console"]


def test_a_screen_is_laid_out_at_the_size_in_a_resize_event() -> None:
    assert parameters(Screen._on_resize) == ["self", "event"]
    assert "self._screen_resized(event.size)" in inspect.getsource(Screen._on_resize)


def test_an_input_handles_letters_in_on_key_and_other_keys_through_its_bindings() -> None:
    assert parameters(Input._on_key) == ["self", "event"]
    assert inspect.iscoroutinefunction(Input._on_key)
    field = Input()
    assert isinstance(field._bindings, BindingsMap)
    assert field._bindings.key_to_bindings["backspace"][0].action == "delete_left"


def test_the_driver_queues_writes_in_a_thread() -> None:
    assert "_writer_thread: WriterThread" in inspect.getsource(linux_driver.LinuxDriver.__init__)
    waiting = WriterThread(io.StringIO())
    waiting.write("something")
    app = App[int]()
    assert library_internals.queued_writes(app) == 0, "it has no driver yet"
    driver = linux_driver.LinuxDriver.__new__(linux_driver.LinuxDriver)
    driver._writer_thread = waiting
    app._driver = driver
    assert library_internals.queued_writes(app) == 1


def test_plotext_makes_figures_that_are_not_limited_to_the_terminal() -> None:
    assert parameters(plotext._figure._figure_class._limit_size) == ["self", "width", "height"]
    figures = library_internals.new_figure(), library_internals.new_figure()
    assert figures[0] is not figures[1]
    assert figures[0]._limit == [False, False]


def test_the_versions_are_those_that_are_required() -> None:
    required = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert "for Textual 8.2 and plotext 5.3.2" in (library_internals.__doc__ or "")
    assert '"textual>=8.2,<9"' in required
    assert '"plotext>=5.3.2,<6"' in required


# No other file makes one


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@cache
def own_names(kind: type) -> frozenset[str]:
    """The private names that a class itself defines: its methods, its attributes, what its methods assign to self."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names |= {target.id for node in tree.body for target in targets(node) if isinstance(target, ast.Name)}
    names |= {node.attr for node in of_self(tree) if isinstance(node.ctx, ast.Store)}
    return frozenset(filter(is_private, names))


def targets(node: ast.stmt) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []


def of_self(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            yield node


def is_ours(kind: type) -> bool:
    return kind.__module__.startswith("gradtui.")


def faults(module_name: str) -> Iterator[str]:
    """Every private part of a library that a module of ours touches."""
    module = importlib.import_module(module_name)
    tree = ast.parse(inspect.getsource(module))
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module_name]
    known = {name for kind in kinds for base in kind.__mro__ if is_ours(base) for name in own_names(base)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in known | {"_exit"}:  # os._exit
            yield f"{module_name}:{node.lineno}: {node.attr}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_private(node.value) and node.value != "_":
            yield f"{module_name}:{node.lineno}: {node.value!r}"
        if isinstance(node, ast.ImportFrom) and any(map(is_private, (node.module or "").split("."))):
            yield f"{module_name}:{node.lineno}: from {node.module}"
    for kind in kinds:
        libraries = [base for base in kind.__mro__ if base.__module__.startswith(("textual", "rich"))]
        taken = {name for base in libraries for name in own_names(base)}
        yield from (f"{kind.__qualname__}: {name} is also a name of Textual's" for name in own_names(kind) & taken)


@pytest.mark.parametrize("name", MODULES)
def test_no_other_file_touches_a_private_part(name: str) -> None:
    assert [*faults(name)] == []


def test_a_touch_of_a_private_part_is_found() -> None:
    found = " ".join(faults(library_internals.__name__))
    for name in ("_figure_class", "_limit_size", "_driver", "'_queue'", "from textual._compositor", "_bindings"):
        assert name in found
    for kind, name in (("KeyOrder", "_on_key"), ("RepaintFilter", "_display")):
        assert f"{kind}: {name} is also a name of Textual's" in found
