"""A name means one thing: no two modules, and no two public classes, share one."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import gradtui

FILES = [*Path(gradtui.__file__).parent.rglob("*.py")]


def repeated(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def test_no_two_modules_share_a_name() -> None:
    assert repeated(path.name for path in FILES) == {"__init__.py"}


def test_no_two_public_classes_share_a_name() -> None:
    classes = [
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert len(classes) > 100
