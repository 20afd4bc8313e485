"""What a sweeper does with the runs that another has left behind."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.runs.sweeps.grid import Cell, Outcome
from gradtui.runs.sweeps.sweep_folder import SweepFolder
from gradtui.runs.sweeps.sweep_list import create_sweep
from gradtui.runs.sweeps.sweeper import Sweeper
from tests.conftest import wait_until

CELL, OTHER = Cell("SGD", 0.1, 42), Cell("SGD", 0.1, 43)


@pytest.fixture
def folder(home: Path) -> SweepFolder:
    return create_sweep({"experiment": "linear"}, "SGD", "0.1", "2")


def started(folder: SweepFolder, cell: Cell = CELL) -> RunFolder:
    """A run that a sweeper has started for a cell."""
    run = create_run(folder.read().settings(cell))
    folder.note_start([cell], run.id)
    return run


def end(run: RunFolder, status: str = "finished") -> None:
    """It trains one step a side, and ends."""
    state = replace(run.read(), status=status)
    for name in state.variants:
        run.steps_csv(name).write_text("step,epoch,loss,grad_norm,seconds\n1,1,0.5,,0.1\n")
        state = with_variant(state, name, status=status, steps=1)
    run.write(state)


def adopt(folder: SweepFolder) -> list[Outcome]:
    Sweeper(folder)._adopt()
    return list(folder.read().outcomes)


def test_a_run_that_has_finished_since_is_recorded_once(folder: SweepFolder) -> None:
    run = started(folder)
    end(run)
    expected = [Outcome(CELL, run.id, "finished", 0.5, 0.5)]
    assert adopt(folder) == expected
    assert adopt(folder) == expected
    assert folder.csv.read_text().count("\n") == 2
    assert folder.read().left_to_do() == [OTHER]


@pytest.mark.parametrize(
    "cell", ["Foo,0.1,42", "SGD,nan,42", "SGD,1e400,42", "SGD,-1,42", "SGD,0.1,99999999999999999999", "SGD,0.1,7"]
)
def test_a_row_that_is_no_cell_of_the_grid_is_passed_over(cell: str, folder: SweepFolder) -> None:
    run = started(folder)
    end(run)
    with open(folder.path / "started.csv", "a") as file:
        file.write(f"{cell},{run.id}\n")
    assert [(outcome.cell, outcome.run) for outcome in adopt(folder)] == [(CELL, run.id)]


def test_a_run_in_progress_is_waited_for(folder: SweepFolder) -> None:
    run = started(folder)
    with run.alive():
        adopting = threading.Thread(target=adopt, args=(folder,))
        adopting.start()
        adopting.join(timeout=0.3)
        assert adopting.is_alive()
        assert not run.stop_requested
        end(run)
    adopting.join(timeout=10)
    assert [outcome.run for outcome in folder.read().outcomes] == [run.id]


def test_a_stop_is_handed_on_to_a_run_that_is_waited_for(folder: SweepFolder) -> None:
    run = started(folder)
    with run.alive():
        adopting = threading.Thread(target=adopt, args=(folder,))
        adopting.start()
        folder.request_stop()
        assert wait_until(lambda: run.stop_requested)
        end(run, "stopped")
    adopting.join(timeout=10)
    assert folder.read().outcomes == ()


@pytest.mark.parametrize("status", ["failed", "stopped", "running"])
def test_a_run_without_a_result_is_repeated_and_can_begin_no_more(folder: SweepFolder, status: str) -> None:
    run = started(folder)
    end(run, status)  # running: nobody supervises it, it is lost
    assert adopt(folder) == []
    assert folder.read().left_to_do() == [CELL, OTHER]
    assert run.stop_requested, "a supervisor that is only now handed the run must not train it"


def test_the_last_of_several_runs_of_a_cell_counts(folder: SweepFolder) -> None:
    first = started(folder)
    end(first, "failed")
    folder.add([Outcome(CELL, first.id, "failed", 0.0, 0.0)])
    assert [outcome.run for outcome in adopt(folder)] == [first.id]
    second = started(folder)
    end(second)
    assert [(outcome.run, outcome.status) for outcome in adopt(folder)] == [(second.id, "finished")]
    assert first.id not in folder.csv.read_text()


def test_a_run_of_other_settings_or_none_at_all_is_not_adopted(folder: SweepFolder) -> None:
    foreign = create_run(folder.read().settings(OTHER))
    end(foreign)
    folder.note_start([CELL], foreign.id)
    folder.note_start([OTHER], "removed")
    assert adopt(folder) == []
    assert not foreign.stop_requested
