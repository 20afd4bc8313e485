import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.processes.launch import Starter, WarmSupervisor
from gradtui.runs.saved_runs import create_run, find_run
from gradtui.settings import RunSettings
from tests.conftest import processes_of, wait_until

WARM_APP = """
import sys, time
from gradtui.runs.processes.launch import Starter
starter = Starter()
starter.warm_up()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_warm_supervisor_takes_a_run_over_and_it_never_looks_lost() -> None:
    starter = Starter()
    starter.warm_up()
    folder = create_run(RunSettings.parse({"epochs": 300}))
    supervisor = starter.start(folder)
    statuses = []

    def ended() -> bool:
        statuses.append(folder.observe().status)
        return statuses[-1] not in ("running", "paused")

    assert wait_until(ended)
    assert set(statuses) == {"running", "finished"}
    assert supervisor.wait() == 0
    starter.end()


@pytest.mark.slow
def test_a_dead_warm_supervisor_is_replaced_by_a_cold_one() -> None:
    warm = WarmSupervisor()
    warm.process.kill()
    warm.process.wait()
    folder = create_run(RunSettings.parse({}))
    supervisor = warm.start(folder)
    assert wait_until(lambda: folder.observe().status == "finished")
    assert supervisor.wait() == 0


def test_warm_processes_end_with_whoever_keeps_them(home: Path) -> None:
    app = subprocess.Popen([sys.executable, "-c", WARM_APP], stdout=subprocess.PIPE)
    assert app.stdout is not None
    assert app.stdout.readline() == b"ready\n"
    assert wait_until(lambda: len(processes_of(home)) >= 4), "the app, a supervisor and two workers"
    os.kill(app.pid, signal.SIGKILL)
    app.wait()
    app.stdout.close()
    assert wait_until(lambda: not processes_of(home), seconds=10)


@pytest.mark.slow
def test_a_run_outlives_whoever_gave_it_to_a_warm_supervisor() -> None:
    code = (
        "from gradtui.runs.saved_runs import create_run; from gradtui.settings import RunSettings\n"
        "from gradtui.runs.processes.launch import Starter\n"
        "starter = Starter(); starter.warm_up(); folder = create_run(RunSettings.parse({'epochs': 2000}))\n"
        "starter.start(folder); print(folder.path)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL
    run = find_run("last")
    assert wait_until(lambda: run.observe().status == "finished")
    assert run.count_steps("with_zero_grad") == 2000


@pytest.mark.slow
def test_a_run_looks_alive_however_slow_its_warm_supervisor_is(home: Path) -> None:
    starter = Starter()
    starter.warm_up()
    assert starter._warm is not None
    slow = starter._warm.process.pid
    os.kill(slow, signal.SIGSTOP)
    try:
        folder = create_run(RunSettings.parse({"timing_probe": False}))
        supervisor = starter.start(folder)
        assert supervisor.pid == slow
        assert folder.read().started is None
        assert folder.observe().status == "running"
        starter.end()  # the app may end meanwhile
        assert folder.observe().status == "running"
    finally:
        os.kill(slow, signal.SIGCONT)
    assert supervisor.wait() == 0
    assert folder.observe().status == "finished"
    assert not [*folder.path.parent.glob(".warm-*")]


def test_and_lost_where_it_is_killed_before_it_has_the_run(home: Path) -> None:
    starter = Starter()
    starter.warm_up()
    assert starter._warm is not None
    slow = starter._warm.process.pid
    os.kill(slow, signal.SIGSTOP)
    folder = create_run(RunSettings.parse({}))
    supervisor = starter.start(folder)
    os.kill(slow, signal.SIGKILL)
    supervisor.wait()
    assert folder.observe().status == "lost"
