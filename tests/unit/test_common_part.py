"""Of a run whose sides did not both train to the end, only what both have trained is compared, and that is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gradtui.catalog import EXPERIMENTS
from gradtui.runs.columns import RIGHT, RowFormat
from gradtui.runs.folder import RunFolder
from gradtui.runs.results import common_part, table
from gradtui.runs.results.claims import Claim
from gradtui.runs.results.common_part import common_steps, only_right_on
from gradtui.runs.results.reader import RunReader, RunResults, read_results
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings
from tests.unit.test_claims import ACCURATE, DIVERGE, FASTER, LOWER, SHORTER, STEADY

HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"
Loss = Callable[[int], float]


def run_of(
    steps: Sequence[int], losses: tuple[Loss, Loss], *, status: Sequence[str] = ("finished", "stopped"), **given: object
) -> RunFolder:
    """A run whose sides took so many ``steps`` and ended with these statuses."""
    folder = create_run(RunSettings.parse(given))
    state = folder.read()
    for side, name in enumerate(state.variants):
        state = with_variant(state, name, status=status[side], steps=steps[side], peak_memory_mb=300.0)
        rows = [f"{i},1,{losses[side](i)!r},1.5,0.001,0.5,1\n" for i in range(1, steps[side] + 1)]
        folder.steps_csv(name).write_text(HEADER + "".join(rows))
    folder.write(replace(state, status=min(status, key=["failed", "stopped", "finished"].index)))
    return folder


def with_epochs(folder: RunFolder, accuracies: Sequence[Sequence[float]], masks: Sequence[Sequence[str]]) -> None:
    """Add the epochs' accuracies of both sides, and which samples were right."""
    for side, name in enumerate(folder.read().variants):
        per_epoch = folder.read().settings.steps_per_epoch(side) or 1
        rows = [f"{i},{i * per_epoch},0.5,{accuracy!r}\n" for i, accuracy in enumerate(accuracies[side], 1)]
        folder.epochs_csv(name).write_text("epoch,step,test_loss,accuracy\n" + "".join(rows))
        written = RowFormat(RIGHT.columns)
        right = [written.row(epoch=i, right=mask) for i, mask in enumerate(masks[side], 1)]
        folder.right_csv(name).write_text(written.header + "".join(right))


def claims_of(results: RunResults) -> dict[str, Claim]:
    return {claim.claim: claim for claim in results.claims}


def falls_then_rises(step: int) -> float:
    return 1.0 - step / 100 if step <= 60 else 5.0


def falls_slowly(step: int) -> float:
    return 1.0 - step / 200


def test_a_side_that_was_killed_is_compared_up_to_there() -> None:
    said = claims_of(read_results(run_of((1440, 60), (falls_then_rises, falls_slowly), epochs=1440)))
    assert said[LOWER].measured.startswith("mean of the last tenth, after 60 epochs: 0.425 and 0.71")
    assert said[LOWER].verdict == "holds"
    for name in (FASTER, LOWER, STEADY, DIVERGE):
        assert said[name].why.endswith("WITHOUT stopped at step 60 of 1,440: compared up to there")
    assert said[SHORTER].verdict == "cannot tell"


def test_both_sides_are_named_if_both_were_stopped() -> None:
    folder = run_of((62, 60), (falls_slowly, falls_slowly), status=("stopped", "failed"), epochs=100)
    assert claims_of(read_results(folder))[LOWER].why.endswith(
        "WITH stopped at step 62 of 100, WITHOUT failed at step 60 of 100: compared up to there"
    )


def test_a_side_without_steps_is_compared_with_nothing() -> None:
    said = claims_of(read_results(run_of((100, 0), (falls_slowly, falls_slowly), epochs=100)))
    assert [said[name].verdict for name in (FASTER, LOWER, STEADY, DIVERGE)] == ["cannot tell"] * 4
    assert said[LOWER].why == "WITHOUT stopped at step 0 of 100"


def test_a_script_whose_sides_end_by_themselves_after_different_steps_is_compared_up_to_the_shorter() -> None:
    given: dict[str, Any] = {"experiment": "script", "script": "train.py"}
    folder = run_of((80, 60), (falls_slowly, falls_slowly), status=("finished", "finished"), **given)
    why = claims_of(read_results(folder))[LOWER].why
    assert why.endswith("WITH ended at step 80, WITHOUT ended at step 60: compared up to there")


def test_sides_that_finished_are_compared_whole_also_if_a_step_of_one_takes_more_batches() -> None:
    folder = run_of(
        (240, 60), (falls_slowly, falls_slowly), status=("finished", "finished"), experiment="digits", right="accumulate", k=4
    )
    said = claims_of(read_results(folder))
    assert "compared up to" not in said[LOWER].why
    assert "after 10 epochs" in said[LOWER].measured


@pytest.mark.parametrize(
    ("steps", "common"),
    [
        ((240, 60), (240, 60)),
        ((240, 30), (120, 30)),
        ((25, 60), (25, 6)),
        ((30, 60), (30, 7)),
        ((23, 6), (23, 5)),
        ((9, 3), (9, 2)),
    ],
)
def test_what_is_common_is_counted_in_samples(steps: tuple[int, int], common: tuple[int, int]) -> None:
    """1,500 samples: 24 batches of 64, the last one smaller, or 6 steps of 4 batches."""
    settings = RunSettings.parse({"experiment": "digits", "right": "accumulate", "k": 4})
    assert common_steps(settings, steps) == common


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name not in ("script", "cifar10")])
@pytest.mark.parametrize("right", ["never", "accumulate"])
def test_finished_sides_have_all_their_steps_in_common(experiment: str, right: str) -> None:
    settings = RunSettings.parse({"experiment": experiment, "right": right, "epochs": 7})
    planned = settings.planned_steps(0) or 0, settings.planned_steps(1) or 0
    assert common_steps(settings, planned) == planned


def test_accuracies_are_compared_after_the_same_epoch() -> None:
    folder = run_of((240, 50), (falls_slowly, falls_slowly), experiment="digits")
    right = "e" + "0" * 75  # of the first three samples
    wrong = "1" + "0" * 75
    with_epochs(folder, ([0.5, 0.8, *[0.9] * 8], [0.5, 0.2]), ([wrong, right, *[wrong] * 8], [wrong, wrong]))
    claim = claims_of(read_results(folder))[ACCURATE]
    assert claim.measured == (
        "after 2 epochs: 80.0 % and 20.0 %; of 297 test samples right 3 only by WITH and 1 only by WITHOUT (McNemar, p = 0.625)"
    )
    with_epochs(folder, ([0.5, 0.8], [0.5]), ([wrong, right], [wrong]))
    assert claims_of(read_results(folder))[ACCURATE].measured.startswith("after 1 epoch: 50.0 % and 50.0 %")


def test_an_older_run_does_not_say_which_samples_were_right() -> None:
    folder = run_of((240, 240), (falls_slowly, falls_slowly), status=("finished", "finished"), experiment="digits")
    with_epochs(folder, ([0.9] * 10, [0.8] * 10), ([], []))
    claim = claims_of(read_results(folder))[ACCURATE]
    assert claim.measured == "after 10 epochs: 90.0 % and 80.0 %"
    for damage in ("epoch,right\n10,zz\n", "epoch,right\n10,ff\n", "nonsense"):
        folder.right_csv("with_zero_grad").write_text(damage)
        assert only_right_on(folder.right_csv("with_zero_grad"), folder.right_csv("without_zero_grad"), 10) is None


def test_the_longer_side_is_read_again_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = RunReader(run_of((1440, 60), (falls_then_rises, falls_slowly), epochs=1440))
    while any(reader.advance()):
        pass
    first = reader.results()
    monkeypatch.delattr(common_part, "CsvTail")
    assert [claim for claim in reader.results().claims if claim.claim == LOWER] == [
        claim for claim in first.claims if claim.claim == LOWER
    ]


def test_the_table_does_not_compare_different_stretches_of_training() -> None:
    rows = {
        row.label: row for row in table.rows(read_results(run_of((1440, 60), (falls_then_rises, falls_slowly), epochs=1440)))
    }
    for label in ("final loss", "best loss", "gradient norm"):
        assert rows[label].difference == "after unequal steps"
    assert rows["steps"].difference == "WITH +1,380"


def test_nothing_is_judged_before_all_of_a_run_was_read() -> None:
    folder = run_of((5000, 5000), (falls_slowly, falls_slowly), status=("finished", "finished"), epochs=5000)
    reader = RunReader(folder)
    assert not reader.results().claims
    reader.advance()
    assert not reader.results().claims
    while any(reader.advance()):
        pass
    assert reader.results().claims
