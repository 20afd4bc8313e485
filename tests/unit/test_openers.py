"""Every file is opened through the guards of private.py and regular.py; whatever else opens one is listed here, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gradtui

PACKAGE = Path(gradtui.__file__).parent
GUARDS = ("opener", "regular")
"""What an ``opener=`` must be called."""

OPENS = ("read_text", "read_bytes", "write_text", "write_bytes", "touch", "copyfileobj", "copyfile", "copy", "copy2", "getline")

ALLOWED = {
    "private.py": dict.fromkeys(("os.open", "open"), "the guard itself; /dev/null"),
    "cli/__init__.py": {"os.open": "/dev/null"},
    "runs/atomic.py": dict.fromkeys(("open", "os.open", "copyfileobj"), "a new file, with no name or one of mkstemp()"),
    "runs/processes/leftovers.py": dict.fromkeys(("read_text", "read_bytes"), "the kernel's own files in /proc"),
    "runs/liveness.py": {"read_text": "the kernel's own file in /proc"},
    "runs/processes/worker_process.py": {"open": "/dev/null"},
    "runs/export/destination.py": dict.fromkeys(("os.open", "open"), "an export: O_EXCL, with the user's umask"),
    "runs/export/tensorboard_export.py": {"open": "an export: in a new folder, with the user's umask"},
    "cifar10/download.py": {"copyfileobj": "from an archive whose MD5 sum is known", "tarfile.open": "the same archive"},
    "script/program.py": {"open": "the user's script, as python opens it"},
    "check/ranks.py": {"open": "a lock in a private folder", "read_text": "a file in a private folder"},
    "check/source_lines.py": {"getline": "a regular file, or none"},
    "training/worker.py": {"os.open": "/dev/null"},
    "training/torch_devices.py": {"open": "the kernel's own file in /proc"},
    "training/journal.py": {"open": "the kernel's own file in /proc"},
    "training/row_file.py": {"os.open": "O_EXCL: a new file, never through a link"},
    "compare/standard_input.py": {"open": "descriptor 0"},
    "training/experiments/digits.py": {"read_bytes": "gradtui's own data"},
}  # fmt: skip


def openings(path: Path) -> Iterator[str]:
    """What opens files in a module, other than ``open(..., opener=...)`` with a guard."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name("open"):
                guards = [word.value for word in node.keywords if word.arg == "opener"]
                named = [each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in guards]
                if not set(named) & set(GUARDS):
                    yield "open"
            case ast.Attribute(
                ast.Name("os" | "io" | "tarfile" | "gzip" | "codecs" | "tokenize" as module), "open" | "mkfifo" as name
            ):
                yield f"{module}.{name}"
            case ast.Attribute(_, "open"):
                yield ".open"
            case ast.Attribute(owner, name) if name in OPENS and not (isinstance(owner, ast.Name) and owner.id == "private"):
                yield name


def test_whatever_opens_files_is_known() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): set(openings(path)) for path in PACKAGE.rglob("*.py")}
    others = {name: opens - ALLOWED.get(name, {}).keys() for name, opens in found.items()}
    assert {name: opens for name, opens in others.items() if opens} == {}, "open it through private.py or regular.py"
    gone = {name: opens.keys() - found.get(name, set()) for name, opens in ALLOWED.items()}
    assert {name: opens for name, opens in gone.items() if opens} == {}, "no longer there: take it off the list"


def test_folders_are_made_private() -> None:
    """``mkdir(parents=True)`` gives its mode to the last folder only."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("mkdir", "makedirs"):
                words = {word.arg for word in node.keywords}
                assert "parents" not in words, path
                assert "mode" in words or path.name in ("destination.py", "tensorboard_export.py"), (
                    f"{path}: an export alone has the user's umask"
                )
