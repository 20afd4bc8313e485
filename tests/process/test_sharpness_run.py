"""Measuring the sharpness in a real run: it takes many turns, the first of them before the first step."""

from __future__ import annotations

import csv

import pytest

from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import create_run
from gradtui.settings import RunSettings


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_measures_for_longer_than_a_turn_before_its_first_step_ends_like_any_other() -> None:
    folder = create_run(RunSettings.parse({"experiment": "digits", "epochs": 1, "sharpness": True, "timing_probe": False}))
    launch.start_supervisor(folder).wait(timeout=500)
    state = folder.observe()
    assert state.status == "finished"
    for name in state.variants:
        with open(folder.sharpness_csv(name)) as file:
            rows = list(csv.DictReader(file))
        assert [row["step"] for row in rows] == [str(step) for step in range(1, 25)]
        assert sum(float(row["seconds"]) for row in rows[:1]) > 0.08, "longer than a turn"
