"""No process of gradtui's imports a module from the working directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.processes.spawn import command
from tests.made_up import made_up_run
from tests.terminal.emulator import Terminal

NAMES = (  # noqa: SIM905 (as a list it would be the longest part of this file)
    "torch numpy textual rich plotext platformdirs tensorboard random queue types json re enum typing typing_extensions logging"
    " selectors signal subprocess tempfile threading socket asyncio pickle copy dataclasses functools collections contextlib"
    " pathlib shutil csv math statistics datetime struct hashlib inspect traceback warnings weakref platform argparse shlex"
    " difflib token tokenize ast string secrets uuid urllib http html unittest glob fnmatch bisect heapq operator runpy pkgutil"
    " importlib multiprocessing concurrent gradtui settings catalog tests utils sitecustomize"
).split()
TRAP = "open({log!r}, 'a').write(__name__ + '\\n')\nraise ImportError('a trap: ' + __name__)\n"
SCRIPT = """
import torch
p = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.SGD([p], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    p.pow(2).sum().backward()
    optimizer.step()
"""
GRADTUI = Path(sys.executable).with_name("gradtui")

pytestmark = pytest.mark.skipif(not GRADTUI.exists(), reason="the command gradtui is not installed beside this Python")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the traps write when they are imported. The working directory is full of them."""
    folder = tmp_path / "folder"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "train.py").write_text(SCRIPT)
    path = tmp_path / "trapped"
    for name in NAMES:
        (folder / f"{name}.py").write_text(TRAP.format(log=str(path)))
    for name in ("torch", "json", "encodings"):  # packages come before modules
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(TRAP.format(log=str(path)))
    monkeypatch.chdir(folder)
    return path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([GRADTUI, *words], capture_output=True, text=True, check=False, timeout=100)
    assert result.returncode == 0, result.stderr
    return result


def assert_nothing_imported(log: Path) -> None:
    assert not log.exists(), log.read_text()


@pytest.mark.slow
def test_the_device_search_and_a_run(log: Path) -> None:
    assert "cpu" in json.loads(run("devices", "--json").stdout)["devices"]
    assert "finished" in run("run", "linear", "--device", "cpu", "--timing-probe", "off", "--csv", "out.csv").stdout
    assert_nothing_imported(log)


def test_python_m_gradtui(log: Path) -> None:
    """Python itself imports runpy and what that needs from the working directory; gradtui imports nothing from there."""
    code = "import sys; from runpy import run_module; print(*sys.modules)"
    pythons_own = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/").stdout
    for name in ("gradtui", *pythons_own.split()):
        Path(f"{name}.py").unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "gradtui", "list"], check=True)
    assert_nothing_imported(log)


@pytest.mark.slow
def test_a_long_run_in_the_app(log: Path) -> None:
    made_up_run(steps=120_000)
    with Terminal(120, 40, (str(GRADTUI), "attach")) as terminal:
        terminal.wait_for("finished", "120,000")
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert_nothing_imported(log)


@pytest.mark.slow
def test_every_command(log: Path) -> None:
    run("run", "digits", "--epochs", "1", "--json")
    run("compare", "scripts/train.py")
    run("check", "scripts/train.py")
    run("sweep", "linear", "--optimizers", "SGD", "--lrs", "0.1,0.2", "--seeds", "1", "--epochs", "5")
    run("list")
    run("export", "last", "--csv", "-")
    run("export", "last", "--svg", "picture.svg")
    run("export", "last", "--tensorboard", "events")
    assert_nothing_imported(log)


@pytest.mark.slow
def test_the_apps_first_minute(log: Path) -> None:
    with Terminal(120, 40, (str(GRADTUI),)) as terminal:
        terminal.wait_for("ready")
        terminal.press("F5")
        terminal.wait_for("finished", seconds=60)
        terminal.press("v", "m", "l", "s", "a", "z", "?", "Escape", "ctrl+p", "Escape", "F8", "Escape", "h")
        terminal.wait_for("linear")
        terminal.press("Escape", "w")
        terminal.read(1)
        terminal.press("Escape", "F5")
        terminal.wait_for("running")
        terminal.wait_for("finished", seconds=60)
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert_nothing_imported(log)


def test_a_process_gets_the_path_that_python_gives_it(tmp_path: Path) -> None:
    """The folder of gradtui comes last, where it is not there anyway: what lies beside it replaces nothing."""
    (tmp_path / "shows_path.py").write_text("import json, sys\ndef main(): print(json.dumps([sys.path, sys.argv]))\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words = command("shows_path", "word")
    shown = subprocess.run(words, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path).stdout
    path, arguments = json.loads(shown)
    plain = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"]
    expected = json.loads(subprocess.run(plain, capture_output=True, text=True, check=True, env=environment).stdout)[1:]
    assert arguments == ["shows_path", "word"]
    assert path[: len(expected)] == expected
    assert len(path) <= len(expected) + 1
