"""Inside tmux and GNU screen, really run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.terminal.emulator import Terminal
from tests.terminal.test_app import curves

APP = (sys.executable, "-m", "gradtui")


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A place for a multiplexer's socket: its path must be short, and nobody else's."""
    path = Path(tempfile.mkdtemp(prefix="gt-"))
    yield path
    shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_inside_tmux(sockets: Path) -> None:
    tmux = ("tmux", "-S", str(sockets / "socket"), "-f", "/dev/null")
    try:
        start_watch_and_quit((*tmux, "-u", "new-session", *APP))
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("screen"), reason="GNU screen is not installed")
def test_inside_screen(sockets: Path) -> None:
    screen = ("screen", "-c", "/dev/null", "-S", "gradtui")
    environment = {"SCREENDIR": str(sockets)}
    try:
        start_watch_and_quit((*screen, "-U", "-m", *APP), LC_ALL="C.UTF-8", **environment)
    finally:
        subprocess.run([*screen, "-X", "quit"], env=environment, capture_output=True, check=False)


def start_watch_and_quit(command: tuple[str, ...], **environment: str) -> None:
    with Terminal(120, 40, command, **environment) as terminal:
        terminal.wait_for("WITH zero_grad()", "WITHOUT zero_grad()", "ready")
        terminal.press("F5")
        terminal.wait_for("finished", "epoch 20/20", "final loss")
        assert wait_until(lambda: terminal.read(0.05) and curves(terminal) == (True, True)), terminal.text
        terminal.press("q")
        assert terminal.exit_code() == 0
