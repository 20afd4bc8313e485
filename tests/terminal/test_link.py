"""A link that carries nothing for a while."""

import os
import select
import sys
import time
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.process.test_run import Started
from tests.terminal.emulator import Terminal

STALLED_SECONDS = 4.0


@pytest.fixture
def endless() -> Iterator[Started]:
    """A run in progress that does not end by itself."""
    run = Started(epochs=1_000_000)
    run.wait_for_steps()
    yield run
    run.folder.request_stop()
    run.wait_for_end()


def stall(terminal: Terminal) -> None:
    """Read nothing for a while, so that what the keys draw fills every buffer on the way."""
    end = time.monotonic() + STALLED_SECONDS
    while time.monotonic() < end:
        if select.select([], [terminal.descriptor], [], 0.02)[1]:
            os.write(terminal.descriptor, b"v")
        time.sleep(0.01)


@pytest.mark.slow
def test_training_goes_on_while_the_link_is_stalled_and_the_app_catches_up(endless: Started) -> None:
    run = endless
    with Terminal(120, 40, (sys.executable, "-m", "gradtui", "attach")) as terminal:
        terminal.wait_for("running", "epoch ")
        terminal.press("F2")  # the form goes, so that letters are commands
        steps = run.folder.count_steps("with_zero_grad")
        stall(terminal)
        assert run.folder.count_steps("with_zero_grad") > steps
        terminal.wait_for("running")
        run.folder.request_stop()
        terminal.wait_for("stopped")
        last = run.folder.count_steps("with_zero_grad")
        other = run.folder.count_steps("without_zero_grad")
        assert wait_until(lambda: terminal.read(0.05) and f"epoch {min(last, other):,}/" in terminal.text)
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_a_stalled_link_that_dies_ends_the_app_and_not_the_run(endless: Started) -> None:
    run = endless
    with Terminal(120, 40, (sys.executable, "-m", "gradtui", "attach")) as terminal:
        terminal.wait_for("running", "epoch ")
        terminal.press("F2")
        stall(terminal)
        terminal.hang_up()
        assert wait_until(lambda: terminal.process.poll() is not None)
        assert run.folder.observe().status == "running"
        steps = run.folder.count_steps("with_zero_grad")
        assert wait_until(lambda: run.folder.count_steps("with_zero_grad") > steps)
