"""The command line's answers, and its refusals: one line, exit code 2, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import create_run
from gradtui.settings import RunSettings
from tests.process.test_run import gradtui


def refusal(*arguments: str) -> str:
    result = gradtui(*arguments)
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--lr", "0"], ["lr", "'0'", "a number above 0"]),
        (["run", "--lr", "-1"], ["lr", "'-1'"]),
        (["run", "--lr", "nan"], ["lr", "'nan'"]),
        (["run", "--lr", "1e400"], ["lr", "'1e400'"]),
        (["run", "--epochs", "1000000000000"], ["epochs", "whole number from 1"]),
        (["run", "--batch-size", "0"], ["batch_size", "'0'"]),
        (["run", "--seed", "18446744073709551616"], ["seed", "2**64 - 1"]),
        (["run", "linaer"], ["experiment", "did you mean 'linear'"]),
        (["run", "--optimizer", "Adma"], ["optimizer", "did you mean 'Adam'"]),
        (["run", "--device", "cuda:9"], ["device", "'cuda:9'", "this box has"]),
        (["run", "--device", "gpu"], ["device", "'gpu'"]),
        (["run", "--lr"], ["--lr"]),
        (["run", "--epoch", "3"], ["--epoch"]),
        (["rnu"], ["rnu"]),
        (["export", "20", "--csv", "-"], ["RUN", "'20'"]),
        (["export", "last"], ["--csv"]),
        ([], ["terminal", "ssh -t", "gradtui run"]),
    ],
)
def test_bad_input_gets_one_clear_line(arguments: list[str], words: list[str]) -> None:
    line = refusal(*arguments)
    for word in words:
        assert word in line


def test_a_run_that_two_names_begin_with_is_refused() -> None:
    for _ in range(2):
        create_run(RunSettings.parse({}))
    assert "2 runs begin with that" in refusal("export", "2", "--csv", "-")


def test_a_csv_path_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path, home: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    assert "exists" in refusal("run", "linear", "--csv", str(tmp_path / "there.csv"))
    assert "not a folder" in refusal("run", "linear", "--csv", str(tmp_path / "missing" / "out.csv"))
    assert not (home / "runs").exists()


def test_a_home_that_is_a_file_is_refused(home: Path) -> None:
    home.write_text("")
    for command in (["run"], ["list"], ["export", "last", "--csv", "-"]):
        assert "GRADTUI_HOME" in refusal(*command)


def test_list_shows_runs_newest_first_and_damaged_ones_too(home: Path) -> None:
    first, second = create_run(RunSettings.parse({})), create_run(RunSettings.parse({"experiment": "digits"}))
    (first.path / "run.json").write_text("{")
    result = gradtui("list", "--json")
    assert result.returncode == 0
    entries = json.loads(result.stdout)
    assert [entry["run"] for entry in entries] == [second.id, first.id]
    assert [entry["status"] for entry in entries] == ["lost", "damaged"]
    assert second.id in gradtui("list").stdout


@pytest.mark.slow
def test_devices_are_told() -> None:
    document = json.loads(gradtui("devices", "--json").stdout)
    assert "cpu" in document["devices"]
    assert document["auto"] == next(iter(document["devices"]))
    assert "cpu" in gradtui("devices").stdout
