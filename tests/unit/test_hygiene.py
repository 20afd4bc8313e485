"""What must not be imported is not, in a fresh process."""

import subprocess
import sys
from pathlib import Path

import pytest

import gradtui


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in result.stdout.split()}


@pytest.mark.parametrize(
    "module", ["gradtui.tui.app", "gradtui.cli.headless", "gradtui.runs.processes.supervisor", "gradtui.runs.export.csv_export"]
)
def test_torch_is_not_imported_by(module: str) -> None:
    assert "torch" not in modules_after(f"import {module}")


@pytest.mark.parametrize(
    "module", ["gradtui.training.worker", "gradtui.runs.processes.supervisor", "gradtui.cli.headless", "gradtui.cli"]
)
def test_the_screen_is_not_imported_by(module: str) -> None:
    assert not modules_after(f"import {module}") & {"textual", "plotext", "rich"}


def test_help_imports_next_to_nothing() -> None:
    heavy = {"torch", "textual", "plotext", "rich", "json", "subprocess", "asyncio"}
    assert not modules_after("import gradtui.cli; gradtui.cli.parser()") & heavy


def test_one_function_starts_processes() -> None:
    """So that none can forget to keep away from the terminal, or to hide the mark of a user's script."""
    package = Path(gradtui.__file__).parent
    starters = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if "Popen(" in path.read_text(encoding="utf-8")
    }
    assert starters == {"runs/processes/spawn.py"}
