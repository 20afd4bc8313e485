"""Several runs that differ in their seed alone, as one result."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtui.runs.export.csv_export import export_runs
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.reader import RunReader
from gradtui.runs.results.runs_of_seeds import results_of_runs
from gradtui.runs.results.seed_text import difference_lines
from gradtui.runs.results.table import as_text
from tests.made_up import made_up_run


def read(folder: RunFolder) -> RunReader:
    reader = RunReader(folder, epochs=True)
    while any(reader.advance()):
        pass
    return reader


def script_run(seed: int, **more: object) -> RunFolder:
    return made_up_run(experiment="script", script="train.py", seed=seed, **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("home")
def test_their_figures_are_medians_and_their_sides_are_compared() -> None:
    results = results_of_runs([read(script_run(seed)) for seed in (3, 4, 5)])
    assert results.state.status == "finished"
    assert results.seeds is not None
    assert results.seeds.seeds == (3, 4, 5)
    assert [*results.differences] == ["final_loss"]
    assert results.differences["final_loss"].left_wins == 3 or results.differences["final_loss"].right_wins == 3
    assert results.variants["with_zero_grad"].steps == 20
    assert as_text(results).startswith("median, 3 seeds")
    assert {claim.claim for claim in results.claims} >= {"the final loss is lower with", "training may diverge without"}


@pytest.mark.usefixtures("home")
def test_runs_that_did_not_all_finish_are_not_compared() -> None:
    results = results_of_runs([read(script_run(3)), read(script_run(4, status="stopped"))])
    assert results.state.status == "stopped"
    assert results.variants["with_zero_grad"].status == "stopped"
    assert results.differences == {}
    assert difference_lines(results) == ["the seeds are not compared: a side did not train to the end"]
    assert {claim.verdict for claim in results.claims} == {"cannot tell"}


def test_their_rows_have_one_header(home: Path, tmp_path: Path) -> None:
    folders = [script_run(seed, steps=2) for seed in (3, 4)]
    assert export_runs(folders, tmp_path / "rows.csv") == 8
    head, *rows = (tmp_path / "rows.csv").read_text().splitlines()
    place = head.split(",").index("seed")
    assert [row.split(",")[place] for row in rows] == ["3"] * 4 + ["4"] * 4
    assert [row.split(",")[0] for row in rows] == [folders[0].id] * 4 + [folders[1].id] * 4
