"""What all tests share: a home of their own, and the proof that they leave no process behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """GRADTUI_HOME for this test alone. A process of it that outlives the test is ended, and is a failure."""
    path = tmp_path / "home"
    monkeypatch.setenv("GRADTUI_HOME", str(path))
    yield path
    left = [pid for pid in processes_of(path) if not wait_until(partial(_has_ended, pid), seconds=5)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"processes {left} were left running"


def processes_of(home: Path) -> list[int]:
    """The processes, other than this one, that were started with this home (Linux tells; elsewhere none are found)."""
    wanted = f"GRADTUI_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in environment and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _has_ended(pid: int) -> bool:
    return not is_alive(pid)


def wait_until(condition: Callable[[], object], seconds: float = 30) -> bool:
    """Wait for the thing itself; False when it has not come in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-snapshots", action="store_true", help="take the pictures of tests/tui/test_snapshots.py anew")
