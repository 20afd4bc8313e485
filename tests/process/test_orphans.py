"""The rows that workers write after their supervisor was killed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from gradtui.tui.run_follower import FollowedRun
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
