"""A sweep that an earlier version has begun, with a run for each seed."""

from __future__ import annotations

import json

import pytest

from gradtui.runs.processes.launch import start_supervisor
from gradtui.runs.saved_runs import all_runs, create_run
from gradtui.runs.sweeps.sweep_list import create_sweep
from gradtui.runs.sweeps.sweeper import outcomes_of
from tests.process.test_run import gradtui


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_goes_on_with_the_seeds_that_are_left_and_ends_with_the_grid_of_a_new_sweep() -> None:
    """The sweeper was killed before it recorded the second run."""
    folder = create_sweep({"experiment": "linear", "epochs": "100"}, "SGD,Adam", "0.1", "3")
    sweep = folder.read()
    for cell in sweep.cells():
        if cell.optimizer == "Adam" or cell.seed == 44:
            continue
        run = create_run(sweep.settings(cell))
        folder.note_start([cell], run.id)
        assert start_supervisor(run).wait(timeout=100) == 0
        if cell.seed == 42:
            folder.add(outcomes_of(sweep, [cell], run))
    resumed = gradtui("sweep", "--resume", "last", "--json", timeout=200)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr.splitlines()[-1].startswith("6/6  SGD lr 0.1 seed 44  ")
    trained = [(run.read().settings.optimizer, run.read().settings.all_seeds) for run in all_runs()]
    assert sorted(trained) == [("Adam", (42, 43, 44)), ("SGD", (42,)), ("SGD", (43,)), ("SGD", (44,))]
    new = gradtui(
        "sweep", "linear", "--optimizers", "SGD,Adam", "--lrs", "0.1", "--seeds", "3", "--epochs", "100", "--json", timeout=200
    )
    assert json.loads(resumed.stdout)["grid"] == json.loads(new.stdout)["grid"], "linear is bitwise equal"
