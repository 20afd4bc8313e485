"""A sweep with its real processes."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.sweep import find_sweep
from tests.conftest import wait_until
from tests.process.test_cli import refusal
from tests.process.test_run import gradtui

GRID = ("--optimizers", "SGD,Adam", "--lrs", "0.1", "--seeds", "2")


@pytest.mark.slow
def test_a_sweep_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gradtui", "sweep", "linear", *GRID], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert wait_until(_outcomes, seconds=60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    before = _outcomes()
    assert 1 <= before < 4
    out = tmp_path / "sweep.csv"
    result = gradtui("sweep", "--resume", "last", "--json", "--csv", str(out))
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["status"] == "finished"
    assert [(row["optimizer"], row["seeds"]) for row in document["grid"]] == [("SGD", 2), ("Adam", 2)]
    assert document["grid"][0]["winner"] == "left"
    with open(out) as file:
        rows = list(csv.DictReader(file))
    assert [(row["optimizer"], row["seed"]) for row in rows] == [("SGD", "42"), ("Adam", "42"), ("SGD", "43"), ("Adam", "43")]


def _outcomes() -> int:
    try:
        return len(find_sweep("last").read().outcomes)
    except LookupError:
        return 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--optimizers", "SGD,Adamm"), ["optimizers", "did you mean 'Adam'"]),
        (("--lrs", "0.1,zero"), ["lrs", "'zero'"]),
        (("--seeds", "0"), ["seeds", "'0'"]),
        (("--seed", "abc"), ["seed", "'abc'"]),
        (("--resume", "nothing"), ["SWEEP", "'nothing'"]),
        (("--epochs", "0"), ["epochs", "'0'"]),
    ],
)
def test_bad_input_gets_one_clear_line(arguments: tuple[str, ...], words: list[str]) -> None:
    line = refusal("sweep", "linear", *arguments)
    assert all(word in line for word in words), line
