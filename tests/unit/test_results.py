import json
import math
import statistics
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.results import table
from gradtui.runs.results.reader import RunResults, VariantResults, read_results
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings


def finished_run(losses: dict[str, list[float]], seconds: float = 1e-4, **given: object) -> RunFolder:
    folder = create_run(RunSettings.parse({"epochs": max(map(len, losses.values())), **given}))
    state = folder.read()
    for name, values in losses.items():
        rows = [f"{i + 1},{i + 1},{loss!r},{i + 1.5},{seconds * (i + 1):.7f},,\n" for i, loss in enumerate(values)]
        folder.steps_csv(name).write_text("step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n" + "".join(rows))
        state = with_variant(state, name, status="finished")
    folder.write(state.__class__(**{**vars(state), "status": "finished"}))
    return folder


def results_of(losses: list[float]) -> VariantResults:
    results = read_results(finished_run({"with_zero_grad": losses, "without_zero_grad": [1.0]}))
    return results.variants["with_zero_grad"]


def test_the_numbers_are_those_of_the_rows() -> None:
    results = results_of([3.0, 1.0, 2.0])
    assert (results.steps, results.final_loss, results.best_loss, results.best_step) == (3, 2.0, 1.0, 2)
    assert results.diverged_at is None
    assert results.seconds == pytest.approx(6e-4)
    assert results.step_ms_median == pytest.approx(0.2)
    assert results.step_ms_p95 == pytest.approx(0.3)
    assert results.final_grad_norm == 3.5


@pytest.mark.parametrize("count", [1, 2, 5, 100, 1001])
def test_the_median_is_exact(count: int) -> None:
    results = results_of([1.0] * count)
    assert results.step_ms_median == pytest.approx(1000 * statistics.median(1e-4 * (i + 1) for i in range(count)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_a_result_like_any_other(bad: float) -> None:
    results = results_of([2.0, 1.0, bad, bad])
    assert repr(results.final_loss) == repr(bad)
    assert (results.best_loss, results.best_step, results.diverged_at) == (1.0, 2, 3)


def test_a_run_that_is_never_finite_has_no_best_loss() -> None:
    results = results_of([math.nan, math.nan])
    assert (results.best_loss, results.best_step, results.diverged_at) == (None, None, 1)


def test_the_json_is_valid_and_has_the_keys_that_others_rely_on() -> None:
    folder = finished_run({"with_zero_grad": [1.0, math.inf], "without_zero_grad": [1.0, math.nan]})
    document = json.loads(json.dumps(read_results(folder).as_json(), allow_nan=False))
    assert (document["run"], document["status"]) == (folder.id, "finished")
    assert document["settings"]["lr"] == 0.1
    assert list(document["variants"]) == ["with_zero_grad", "without_zero_grad"]
    assert document["variants"]["with_zero_grad"]["final_loss"] == "inf"
    assert document["variants"]["without_zero_grad"]["final_loss"] == "nan"
    assert set(document["variants"]["with_zero_grad"]) >= {
        "status", "steps", "final_loss", "best_loss", "best_step", "diverged_at", "accuracy", "seconds",
        "step_ms_median", "step_ms_p95", "peak_memory_mb", "final_grad_norm",
    }  # fmt: skip


def test_a_run_whose_supervisor_is_gone_is_lost_and_keeps_its_rows() -> None:
    folder = create_run(RunSettings.parse({}))
    folder.steps_csv("with_zero_grad").write_text("step,epoch,loss,grad_norm,seconds\n1,1,0.5,,0.1\n")
    with folder.alive():
        assert read_results(folder).state.status == "running"
    results = read_results(folder)
    assert results.state.status == "lost"
    assert results.variants["with_zero_grad"].steps == 1


def differences(left: VariantResults, right: VariantResults, **given: object) -> dict[str, str]:
    settings = RunSettings.parse(given)
    state = create_run(settings).read()
    results = RunResults(state, {"with_zero_grad": left, "without_zero_grad": right})
    return {row.label: row.difference for row in table.rows(results)}


def variant(**values: object) -> VariantResults:
    return VariantResults(**{"status": "finished", "steps": 5000, **values})  # type: ignore[arg-type]  # the tests name fields


def test_the_lower_loss_is_named_whichever_side_has_it() -> None:
    assert differences(variant(final_loss=1.0), variant(final_loss=2.5))["final loss"] == "WITH lower, 2.50x"
    assert differences(variant(final_loss=2.5), variant(final_loss=1.0))["final loss"] == "WITHOUT lower, 2.50x"
    assert differences(variant(final_loss=1.0), variant(final_loss=1.0))["final loss"] == "equal"
    assert differences(variant(final_loss=math.nan), variant(final_loss=1.0))["final loss"] == "only WITHOUT is finite"
    assert differences(variant(final_loss=0.0), variant(final_loss=1.0))["final loss"] == "WITH lower"


def test_times_are_not_compared_where_they_do_not_compare() -> None:
    slow, fast = variant(step_ms_median=2.0), variant(step_ms_median=1.0)
    assert differences(slow, fast)["time per step"] == "ratio 2.00"
    assert differences(slow, fast, schedule="parallel")["time per step"] == "contended"
    few, enough = (variant(step_ms_median=2.0, steps=steps) for steps in (999, 1000))
    assert differences(few, fast)["time per step"] == "too few steps"
    assert differences(enough, fast)["time per step"] == "ratio 2.00"


def test_the_printed_table_is_aligned(tmp_path: Path) -> None:
    text = table.as_text(read_results(finished_run({"with_zero_grad": [1.0], "without_zero_grad": [2.0]})))
    lines = text.splitlines()
    column = lines[0].index("difference")
    assert len(lines) > 8
    assert [line for line in lines if line[column - 2 : column].strip()] == []
    assert [line for line in lines if line[column : column + 1] == " "] == []
