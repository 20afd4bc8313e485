"""A script over several seeds: a run for each, one after the other, and what they say together."""

from __future__ import annotations

import csv
import json
import statistics
from pathlib import Path

import pytest

from gradtui.runs.results.reader import read_results
from gradtui.runs.saved_runs import find_run
from tests.process.test_compare import MODEL, WITH, WITHOUT, compare

SCRIPT = f"{MODEL}\nimport gradtui\nfor _ in range(20):\n    step()\ngradtui.log(accuracy=0.5)\n"


@pytest.mark.slow
def test_a_script_is_compared_over_its_seeds(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    done = compare("--seeds", "3", "--seed", "7", "--json", "--csv", "rows.csv", "train.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["seeds"] == [7, 8, 9]
    alone = [read_results(find_run(run)) for run in document["runs"]]
    assert [one.state.settings.seed for one in alone] == [7, 8, 9]
    for name in (WITH, WITHOUT):
        losses = [one.variants[name].final_loss or 0.0 for one in alone]
        assert document["variants"][name]["per_seed"]["final_loss"] == losses
        assert document["variants"][name]["final_loss"] == statistics.median(losses)
    difference = document["differences"]["final_loss"]
    assert difference["left_wins"] + difference["right_wins"] + difference["ties"] == 3
    assert {claim["verdict"] for claim in document["claims"]} == {"cannot tell"} | {
        claim["verdict"] for claim in document["claims"] if "no difference" in claim["why"]
    }, "three seeds make nothing sure"
    with open(tmp_path / "rows.csv") as file:
        rows = [(row["run"], row["variant"], int(row["seed"])) for row in csv.DictReader(file)]
    assert len(rows) == 3 * 2 * 20
    assert {(run, seed) for run, _, seed in rows} == {*zip(document["runs"], (7, 8, 9), strict=True)}


@pytest.mark.slow
def test_seeds_of_a_script_that_fails_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(f"{MODEL}\nfor _ in range(4):\n    step()\nraise ValueError('no more data')\n")
    done = compare("--seeds", "2", "train.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "no more data" in done.stderr
    assert "the seeds are not compared: a side did not train to the end" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "0"], "seeds: got '0'; takes a whole number from 1 to 1,000"),
        (["--seeds", "x"], "seeds: got 'x'; takes a whole number from 1 to 1,000"),
        (["--seeds", "2", "--seed", str(2**64 - 1)], f"seeds: got 2; counting up from the seed {2**64 - 1}, they end above"),
    ],
)
def test_seeds_that_cannot_be_are_refused_in_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    done = compare(*words, "train.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"gradtui: {said}")
    assert done.stderr.count("\n") == 1
