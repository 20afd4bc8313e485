"""A run is told lost when its supervisor is gone, and only then."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gradtui.runs import folder as folder_module
from gradtui.runs.folder import RunFolder
from gradtui.runs.liveness import held_alone, is_held
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings
from tests.conftest import wait_until


@pytest.fixture
def folder(home: Path) -> RunFolder:
    return create_run(RunSettings.parse({}))


@pytest.fixture
def supervised(folder: RunFolder) -> Iterator[RunFolder]:
    with folder.alive():
        yield folder


def of_another_machine(folder: RunFolder, touched_seconds_ago: float, **machine: str) -> RunFolder:
    folder.write(replace(folder.read(), **{"host": "another", "boot": "another boot", **machine}))  # type: ignore[arg-type]
    alive = folder.path / "alive"
    alive.touch()
    then = alive.stat().st_mtime - touched_seconds_ago
    os.utime(alive, (then, then))
    return folder


def test_the_lock_tells_on_this_machine_however_old_the_heartbeat(folder: RunFolder) -> None:
    assert folder.observe().status == "lost"
    with folder.alive():
        os.utime(folder.path / "alive", (0, 0))
        assert folder.observe().status == "running"
    assert folder.observe().status == "lost"


def test_a_run_that_is_being_started_is_not_lost(folder: RunFolder) -> None:
    with folder.starting():
        assert folder.observe().status == "running"
        with folder.alive():
            assert folder.observe().status == "running"
    assert folder.observe().status == "lost"


def test_a_container_beside_the_supervisors_has_another_name_and_the_same_lock(supervised: RunFolder) -> None:
    supervised.write(replace(supervised.read(), host="another container"))
    os.utime(supervised.path / "alive", (0, 0))
    assert supervised.observe().status == "running"


def test_a_process_with_the_pid_of_a_dead_supervisors_worker_does_not_bring_the_run_to_life(folder: RunFolder) -> None:
    folder.write(with_variant(folder.read(), "with_zero_grad", pid=os.getpid()))
    (folder.path / "alive").touch()
    assert folder.observe().status == "lost"


def test_after_a_reboot_the_run_is_lost(folder: RunFolder) -> None:
    host = folder.read().host
    assert host is not None
    assert of_another_machine(folder, touched_seconds_ago=31, host=host).observe().status == "lost"


def test_right_after_a_reboot_too(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    host = folder.read().host
    assert host is not None
    of_another_machine(folder, touched_seconds_ago=10, host=host)
    assert folder.observe().status == "running"  # a machine of the same name may be another one
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 8.0)
    assert folder.observe().status == "lost"


@pytest.mark.parametrize(
    ("seconds_ago", "status"), [(0, "running"), (20, "running"), (31, "lost"), (86_400, "lost"), (-86_400, "lost")]
)
def test_another_machines_run_lives_while_its_file_is_touched(folder: RunFolder, seconds_ago: float, status: str) -> None:
    assert of_another_machine(folder, seconds_ago).observe().status == status
    assert not list(folder.path.glob(".now-*"))


def test_a_machine_of_the_same_name_is_not_this_one(folder: RunFolder) -> None:
    host = folder.read().host
    assert host is not None
    assert of_another_machine(folder, touched_seconds_ago=1, host=host).observe().status == "running"


def test_the_clock_of_this_machine_does_not_count(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    of_another_machine(folder, touched_seconds_ago=1)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert folder.observe().status == "running"


def test_a_home_that_one_may_only_read_is_believed(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    of_another_machine(folder, touched_seconds_ago=1000)

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert folder.observe().status == "running"


def test_where_there_are_no_locks_the_heartbeat_tells(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with folder.alive():
        assert folder.observe().status == "running"
    os.utime(folder.path / "alive", (0, 0))
    assert folder.observe().status == "lost"


def test_a_run_that_ends_while_one_looks_has_ended(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_meanwhile(*args: object) -> bool:
        folder.write(replace(folder.read(), status="finished"))
        return False

    monkeypatch.setattr(folder_module, "lives", end_meanwhile)
    assert folder.observe().status == "finished"


def test_an_ended_run_is_never_lost(folder: RunFolder) -> None:
    folder.write(replace(folder.read(), status="stopped"))
    assert of_another_machine(folder, touched_seconds_ago=1000).observe().status == "stopped"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)], ids=["folder", "pipe", "loop"])
def test_whatever_stands_where_the_lock_should_be_the_run_is_lost(folder: RunFolder, make: Callable[[Path], None]) -> None:
    make(folder.path / "alive")
    assert folder.observe().status == "lost"


def test_two_readers_do_not_take_each_other_for_a_supervisor(folder: RunFolder) -> None:
    (folder.path / "alive").touch()
    look = (
        "from pathlib import Path; from gradtui.runs.folder import RunFolder\n"
        f"folder = RunFolder(Path({str(folder.path)!r}))\n"
        "print({folder.observe().status for _ in range(1000)})"
    )
    with ExitStack() as stack:
        readers = [
            stack.enter_context(subprocess.Popen([sys.executable, "-c", look], stdout=subprocess.PIPE, text=True))
            for _ in range(3)
        ]
        assert [reader.communicate(timeout=60)[0] for reader in readers] == ["{'lost'}\n"] * 3


def test_of_many_that_take_a_lock_at_once_one_gets_it_whatever_readers_do(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    take = (
        "import sys; from pathlib import Path; from gradtui.runs.liveness import held_alone\n"
        f"with held_alone(Path({str(path)!r})) as lock:\n"
        "    print(lock is not None, flush=True)\n"
        "    sys.stdin.read()"
    )
    with ExitStack() as stack:
        takers = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", take], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(4)
        ]
        assert wait_until(lambda: is_held(path))  # looks at it all the while
        with held_alone(path) as lock:
            assert lock is None
        said = [taker.stdout.readline() for taker in takers if taker.stdout is not None]
        assert sorted(said) == ["False\n"] * 3 + ["True\n"]
        for taker in takers:
            taker.communicate()
    with held_alone(path) as lock:
        assert lock is not None


def test_a_reader_that_looks_is_not_taken_for_the_one_that_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    path.touch()
    with open(path, "r+") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        looking = threading.Timer(0.1, fcntl.flock, (reader, fcntl.LOCK_UN))
        looking.start()
        with held_alone(path) as lock:
            assert lock is not None
        looking.join()
