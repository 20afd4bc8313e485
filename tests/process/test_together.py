"""Several processes on one home, and what others on the machine can see of them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gradtui.runs.results.reader import RunReader
from gradtui.runs.saved_runs import all_runs
from tests.conftest import processes_of, wait_until
from tests.process.test_run import LONG, Started


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_processes_that_create_runs_at_once_get_folders_of_their_own() -> None:
    create = (
        "from gradtui.runs.saved_runs import create_run; from gradtui.settings import RunSettings\n"
        "print(*(create_run(RunSettings.parse({})).id for _ in range(20)))"
    )
    with ExitStack() as stack:
        makers = [
            stack.enter_context(subprocess.Popen([sys.executable, "-c", create], stdout=subprocess.PIPE, text=True))
            for _ in range(8)
        ]
        made = [run for maker in makers for run in maker.communicate(timeout=60)[0].split()]
    assert len(made) == len(set(made)) == 160
    assert {run.id for run in all_runs()} == set(made)
    assert all(run.read().id == run.id for run in all_runs())


@pytest.mark.slow
@pytest.mark.usefixtures("careless_umask")
def test_a_run_is_its_users_alone_listens_on_nothing_and_shows_that_it_lives(home: Path) -> None:
    run = Started(**LONG, schedule="parallel")
    run.wait_for_steps(1000)
    assert open_to_others(home) == []
    if sys.platform == "linux":
        assert len(processes_of(home)) == 3
        assert sockets_of(processes_of(home)) == []
    alive = run.folder.path / "alive"
    os.utime(alive, (0, 0))
    assert wait_until(lambda: alive.stat().st_mtime > 0, seconds=10), "it does not beat"

    one, other = RunReader(run.folder), RunReader(run.folder)
    run.folder.request_stop()
    run.folder.request_stop()
    run.wait_for_end()
    run.folder.request_stop()
    for reader in (one, other):
        while any(reader.advance()):
            pass
        assert reader.refresh_state().status == "stopped"
    assert one.results() == other.results()
    assert open_to_others(home) == []


def open_to_others(home: Path) -> list[str]:
    """What another user may read or write."""
    paths = [home, *home.rglob("*")]
    assert len(paths) > 8
    return [str(path) for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]


def sockets_of(pids: list[int]) -> list[str]:
    """The sockets that processes have open, listening or not."""
    open_files = [path for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir()]
    assert len(open_files) > 10
    return [name for path in open_files if (name := os.readlink(path)).startswith("socket:")]
