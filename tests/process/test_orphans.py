"""What workers still do after their supervisor was killed: write their last rows, end what a script has started."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from gradtui.tui.run_follower import FollowedRun
from tests.conftest import processes_of, wait_until
from tests.process.test_compare import MODEL, Comparison
from tests.process.test_run import LONG, Started


@pytest.mark.slow
def test_who_follows_a_run_that_is_lost_reads_the_last_rows_of_its_workers() -> None:
    run = Started(**LONG, schedule="parallel")
    run.wait_for_steps(10)
    workers = [run.pid(name) for name in run.folder.read().variants]
    followed = FollowedRun(run.folder)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    run.supervisor.kill()
    run.supervisor.wait()
    assert followed.observe().status == "lost"
    while followed.advance():
        pass
    before = followed.steps
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    while followed.observe().live or followed.orphans_may_write:
        if not followed.advance():
            time.sleep(0.01)
    assert followed.steps != before
    assert followed.steps == {name: run.folder.count_steps(name) for name in before}


LEAVES_A_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
try:
    while True:
        step()
        time.sleep(0.001)
finally:
    print("left", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes in other sessions are found in /proc alone")
def test_what_a_script_has_started_ends_though_the_supervisor_is_killed_meanwhile(home: Path, tmp_path: Path) -> None:
    run = Comparison(tmp_path, MODEL + LEAVES_A_CHILD)
    run.wait_for_steps(3)
    run.folder.request_stop()
    assert wait_until(lambda: all("left" in log for log in run.logs))
    run.supervisor.kill()
    run.supervisor.wait()
    assert wait_until(lambda: not processes_of(home), seconds=20), "processes of the script are left"
