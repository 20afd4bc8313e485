"""What a sweeper does with the runs that another has left behind."""

from __future__ import annotations

import math
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
from gradtui.runs.sweeps.sweeper import Sweeper, outcomes_of
from tests.conftest import wait_until

CELL, OTHER = Cell("SGD", 0.1, 42), Cell("SGD", 0.1, 43)


@pytest.fixture
def folder(home: Path) -> SweepFolder:
    return create_sweep({"experiment": "linear"}, "SGD", "0.1", "2")


def started(folder: SweepFolder, *cells: Cell) -> RunFolder:
    """A run that a sweeper has started for these cells, or for CELL alone."""
    cells = cells or (CELL,)
    run = create_run(folder.read().settings(cells[0], len(cells)))
    folder.note_start(cells, run.id)
    return run


def end(run: RunFolder, status: str = "finished") -> None:
    """It trains one step a side, and ends."""
    state = replace(run.read(), status=status)
    for name in state.variants:
        run.steps_csv(name).write_text("step,epoch,loss,grad_norm,seconds\n1,1,0.5,,0.1\n")
        if state.settings.seeds > 1:
            seeds = state.settings.all_seeds
            losses = ",".join(f"0.{seed}" for seed in seeds)
            run.seeds_csv(name).write_text(f"step,{','.join(map(str, seeds))}\n1,{losses}\n")
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


def test_each_cell_of_a_batch_gets_what_its_own_seed_has_reached(folder: SweepFolder) -> None:
    run = started(folder, CELL, OTHER)
    end(run)
    expected = [Outcome(CELL, run.id, "finished", 0.42, 0.42), Outcome(OTHER, run.id, "finished", 0.43, 0.43)]
    assert adopt(folder) == expected
    assert adopt(folder) == expected
    assert folder.csv.read_text().count("\n") == 3


def test_what_a_sweeper_has_recorded_before_it_was_killed_is_not_recorded_again(folder: SweepFolder) -> None:
    run = started(folder, CELL, OTHER)
    end(run)
    folder.add([Outcome(CELL, run.id, "finished", 0.42, 0.42)])
    assert [(outcome.cell, outcome.left) for outcome in adopt(folder)] == [(CELL, 0.42), (OTHER, 0.43)]
    assert folder.csv.read_text().count("\n") == 3


def test_a_cell_that_was_not_noted_is_trained_again(folder: SweepFolder) -> None:
    """A full disk or a crash has kept the second row from started.csv: the run never began."""
    run = create_run(folder.read().settings(CELL, 2))
    folder.note_start([CELL], run.id)
    assert adopt(folder) == []
    assert folder.read().left_to_do() == [CELL, OTHER]
    assert run.stop_requested


def test_a_cell_that_has_a_result_keeps_it_when_a_run_of_several_is_adopted(folder: SweepFolder) -> None:
    before = started(folder)
    end(before)
    adopt(folder)
    run = started(folder, CELL, OTHER)
    end(run)
    assert [(outcome.cell, outcome.run) for outcome in adopt(folder)] == [(CELL, before.id), (OTHER, run.id)]


@pytest.mark.parametrize(
    "text", [None, "", "step,42,43\n", "step,42,43\n1,x,0.43\n", "step,42,43\n1,0.42,0.4", "step,42\n1,0.42\n"]
)
def test_cells_whose_files_are_damaged_are_trained_again(folder: SweepFolder, text: str | None) -> None:
    run = started(folder, CELL, OTHER)
    end(run)
    path = run.seeds_csv(run.read().settings.variants[1])
    path.unlink() if text is None else path.write_text(text)
    assert adopt(folder) == []
    assert folder.read().left_to_do() == [CELL, OTHER]
    told = [(outcome.cell, outcome.status, outcome.left) for outcome in outcomes_of(folder.read(), [CELL, OTHER], run)]
    assert told == [(CELL, "failed", 0.42), (OTHER, "failed", 0.43)]


def test_a_side_that_failed_is_nan_in_each_of_its_cells(folder: SweepFolder) -> None:
    run = started(folder, CELL, OTHER)
    end(run)
    state = run.read()
    run.write(replace(with_variant(state, state.settings.variants[0], status="failed"), status="failed"))
    left, right = zip(*((each.left, each.right) for each in outcomes_of(folder.read(), [CELL, OTHER], run)), strict=True)
    assert all(map(math.isnan, left))
    assert right == (0.42, 0.43)


def test_what_is_left_after_some_seeds_is_one_run_a_rate_and_not_across_a_gap(home: Path) -> None:
    folder = create_sweep({"experiment": "linear"}, "SGD,Adam", "0.1", "5")
    sweep = folder.read()
    assert [[(cell.optimizer, cell.seed) for cell in batch] for batch in sweep.batches(sweep.cells())] == [
        [("SGD", seed) for seed in range(42, 47)], [("Adam", seed) for seed in range(42, 47)]
    ]  # fmt: skip
    folder.add([Outcome(Cell("SGD", 0.1, seed), "run", "finished", 0.5, 0.5) for seed in (42, 44)])
    sweep = folder.read()
    batches = [[(cell.optimizer, cell.seed) for cell in batch] for batch in sweep.batches(sweep.left_to_do())]
    assert batches == [
        [("Adam", seed) for seed in range(42, 47)], [("SGD", 43)], [("SGD", 45), ("SGD", 46)]
    ]  # fmt: skip


def test_more_seeds_than_a_run_may_have_are_several_runs_and_every_rate_comes_before_the_second(home: Path) -> None:
    sweep = create_sweep({"experiment": "linear"}, "SGD", "0.1,0.01", "1000").read()
    sweep = replace(sweep, seeds=[*reversed(range(2**64 - 1003, 2**64))])
    found = [(batch[0].lr, len(batch)) for batch in sweep.batches(sweep.cells())]
    assert found == [(0.1, 1000), (0.01, 1000), (0.1, 3), (0.01, 3)]
    for batch in sweep.batches(sweep.cells()):
        assert sweep.settings(batch[0], len(batch)).all_seeds == tuple(cell.seed for cell in batch)


def test_seeds_that_one_run_cannot_train_together_have_a_run_each(home: Path) -> None:
    sweep = create_sweep({"experiment": "linear", "sharpness": "on"}, "SGD", "0.1", "3").read()
    assert [len(batch) for batch in sweep.batches(sweep.cells())] == [1, 1, 1]
    assert all(sweep.settings(batch[0], len(batch)).sharpness for batch in sweep.batches(sweep.cells()))


@pytest.mark.parametrize(
    ("text", "right"),
    [("epoch,42,43\n1,0.25,0.5\n2,0.75,0.875\n", [0.75, 0.875]), ("epoch,42,43\n1,0.25,0.5\n", None), ("", None)],
)
def test_accuracies_are_those_after_the_last_epoch_or_not_known(home: Path, text: str, right: list[float] | None) -> None:
    folder = create_sweep({"experiment": "digits"}, "SGD", "0.1", "2")
    run = started(folder, CELL, OTHER)
    end(run)
    for name, seeds in zip(run.read().settings.variants, ("epoch,42,43\n1,0,0\n2,0.5,0.625\n", text), strict=True):
        run.epochs_csv(name).write_text("epoch,step,test_loss,accuracy\n1,1,0.1,0.375\n2,2,0.2,0.75\n")
        run.seed_epochs_csv(name).write_text(seeds)
    found = outcomes_of(folder.read(), [CELL, OTHER], run)
    assert [outcome.left for outcome in found] == [0.5, 0.625]
    assert [outcome.counts for outcome in found] == [right is not None] * 2
    if right is not None:
        assert [outcome.right for outcome in found] == right


def test_a_run_json_that_has_come_to_name_other_seeds_gives_only_the_cells_it_names(folder: SweepFolder) -> None:
    run = started(folder, CELL, OTHER)
    end(run)
    run.write(replace(run.read(), settings=run.read().settings.alone(CELL.seed)))
    assert [outcome.cell for outcome in outcomes_of(folder.read(), [CELL, OTHER], run)] == [CELL]
    assert [outcome.cell for outcome in adopt(folder)] == [CELL]
