"""A home full of damaged folders, through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gradtui.cli import main
from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import all_runs, create_run
from gradtui.settings import RunSettings
from tests.process.test_run import gradtui
from tests.unit.test_damaged import DAMAGES

NAMES = (b"\x1b[31mred", b"new\nline", b"\xff\xfe", b"-rf", b"x" * 255, "\u202etsil".encode())


@pytest.fixture
def good(home: Path) -> RunFolder:
    """The one sound run in a home of damaged ones."""
    for damage in DAMAGES.values():
        damage(create_run(RunSettings.parse({})).path / "run.json")
    for name in NAMES:
        os.mkdir(os.fsencode(home / "runs") + b"/" + name)
    return create_run(RunSettings.parse({}))


def test_every_folder_is_listed_on_a_line_of_its_own(good: RunFolder) -> None:
    before = sorted(os.listdir(good.path.parent))
    result = gradtui("list", timeout=10)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert result.stdout.count("\n") == len(lines) == len(before)
    assert all(line.isprintable() for line in lines)
    assert sum("  damaged  " in line for line in lines) == len(before) - 1
    entries = json.loads(gradtui("list", "--json", timeout=10).stdout)
    assert {entry["run"] for entry in entries} == {run.id for run in all_runs()}
    assert [entry["run"] for entry in entries if entry["status"] != "damaged"] == [good.id]
    assert sorted(os.listdir(good.path.parent)) == before


@pytest.mark.parametrize(
    "command", [("export", "{}", "--csv", "-"), ("stop", "{}"), ("attach", "{}")], ids=lambda words: words[0]
)
def test_a_command_on_a_damaged_run_says_one_line(
    good: RunFolder, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    for run in all_runs():
        if run != good and not run.id.startswith("-"):
            assert main([word.format(run.id) for word in command]) == 2
            out, error = capsys.readouterr()
            assert out == ""
            assert error.endswith("\n")
            assert error[:-1].isprintable()
            assert len(error) < 1000
