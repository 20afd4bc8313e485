"""Calls back as soon as the script has imported torch, or another module.

Torch is not imported earlier: a script may set environment variables that torch reads at import, and a script that never
imports torch should not wait for it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def after_torch(call: Callable[[], None]) -> Callable[[], None]:
    """Call ``call`` once torch is imported; now, if it already is. Return the function that withdraws the request."""
    return after_import("torch", call)


def after_import(name: str, call: Callable[[], None]) -> Callable[[], None]:
    """Call ``call`` once the module of this name is imported; now, if it already is. Return as after_torch() does."""
    if name in sys.modules:
        call()
        return lambda: None
    finder = _Finder(name, call)
    sys.meta_path.insert(0, finder)
    return finder.withdraw


class _Finder(MetaPathFinder):
    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self._name, self._call = name, call
        self._looking = False

    def withdraw(self) -> None:
        with contextlib.suppress(ValueError):  # something has replaced the list
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self._name or self._looking:
            return None
        self._looking = True
        try:
            spec = find_spec(name)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenCall(spec.loader, self._loaded)
        return spec

    def _loaded(self) -> None:
        """The module is imported; to ask for its spec alone, as libraries do that can work without it, is not enough."""
        self.withdraw()
        self._call()


class _ThenCall(Loader):
    """Loads a module with its own loader, which the module then shows as its loader, and calls back."""

    def __init__(self, loader: Loader, call: Callable[[], None]) -> None:
        self._loader, self._call = loader, call

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._call()
