"""A terminal that is resized at random during a run."""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.conftest import wait_until
from tests.process.test_run import LONG, Started
from tests.terminal.emulator import Terminal

SIZES = ((40, 200), (10, 60))
"""The least and the most columns, and rows."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_sizes_leave_no_trace() -> None:
    seed = int(os.environ.get("GRADTUI_RESIZE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"GRADTUI_RESIZE_SEED={seed}")  # pytest shows it with a failure
    chance = random.Random(seed)
    run = Started(**LONG, pace=200)
    run.wait_for_steps(20)
    attach = (sys.executable, "-m", "gradtui", "attach", run.folder.id)
    # Of two labels of the x axis that overlap plotext drops one, by the order of a set: the same one in both apps.
    one_order = {"PYTHONHASHSEED": "0"}
    with Terminal(120, 40, attach, **one_order) as resized:
        resized.wait_for("running", "final loss")
        for _ in range(200):
            resized.resize(chance.randint(*SIZES[0]), chance.randint(*SIZES[1]))
            resized.read(chance.choice((0, 0.02, 0.1)))
            assert resized.process.poll() is None, resized.text
        resized.resize(120, 40)
        resized.wait_for("running", "final loss")
        run.folder.request_stop()
        run.wait_for_end()
        resized.wait_for("stopped", seconds=120)  # on a busy machine two hundred layouts take their time
        with Terminal(120, 40, attach, **one_order) as other:
            other.wait_for("stopped", "final loss")
            same = wait_until(lambda: resized.read(0.1) and other.read(0.1) and resized.text == other.text, seconds=10)
            assert same, f"{resized.text}\n\n{other.text}"
            other.press("q")
            assert other.exit_code() == 0
        resized.press("q")
        assert resized.exit_code() == 0
