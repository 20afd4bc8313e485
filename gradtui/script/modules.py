"""Finds the file of a module as ``python -m`` in a folder would, without importing anything."""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec

MAY_HIDE_MODULES = ("__path__", "meta_path")
"""A package whose source has one of these words may find its modules in ways of its own."""


class NoSuchModule(LookupError):
    """``python -m`` could not run a module of this name."""


def file_of_module(name: str, folder: str) -> str | None:
    """The file that ``python -m name`` in ``folder`` would run; None if that shows only once its packages are imported.

    Raises NoSuchModule if it is sure that there is none.
    """
    first, *rest = name.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        raise NoSuchModule
    spec = _find(first, [folder, *sys.path]) or _installed(first)
    for part in [*rest, "__main__"]:
        if spec is None:
            raise NoSuchModule
        inside = spec.submodule_search_locations
        if inside is None and part == "__main__":
            break
        package, spec = spec, _find(f"{spec.name}.{part}", inside or ())
        if spec is None and _may_hide_modules(package):
            return None
    if spec is None:
        raise NoSuchModule
    return spec.origin if spec.has_location else None


def _find(name: str, folders: Iterable[str]) -> ModuleSpec | None:
    """Look for a module in these folders (or zip files) alone. A folder without an ``__init__.py`` is a package, too."""
    portions: list[str] = []
    for folder in folders:
        find = getattr(pkgutil.get_importer(folder), "find_spec", None)
        spec: ModuleSpec | None = find(name) if find is not None else None
        if spec is not None and spec.loader is not None:
            return spec
        if spec is not None:
            portions += spec.submodule_search_locations or ()
    if not portions:
        return None
    package = ModuleSpec(name, None, is_package=True)
    package.submodule_search_locations = portions
    return package


def _installed(name: str) -> ModuleSpec | None:
    """A module that is found in another way, e.g. of an editable installation; such finders know whole packages."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _may_hide_modules(package: ModuleSpec) -> bool:
    """Whether this package, or module, could still have a module that is not in its folders."""
    if package.loader is None:
        return False
    try:
        source = package.loader.get_source(package.name)  # type: ignore[attr-defined]
    except (AttributeError, ImportError, SyntaxError, OSError):
        return True
    return source is None or any(word in source for word in MAY_HIDE_MODULES)
