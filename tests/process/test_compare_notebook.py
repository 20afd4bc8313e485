"""``gradtui compare lab.ipynb``: a notebook's cells as both sides of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import find_run
from gradtui.settings import RunSettings
from gradtui.tui.widgets.code_lines import code_lines
from tests.check.test_notebooks import notebook
from tests.process.test_cli import refusal
from tests.process.test_compare import MODEL, WITH, WITHOUT, compare

CELLS = notebook("%matplotlib inline\n" + MODEL, "import sys\nprint(sys.argv)", "%%time\nfor _ in range(5): step()", "1 / 0")


@pytest.mark.slow
def test_a_notebook_is_compared(tmp_path: Path) -> None:
    (tmp_path / "lab.ipynb").write_text(CELLS, encoding="utf-8")
    result = compare("--steps", "4", "--json", "lab.ipynb", "--lr", "1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    run = find_run("last")
    for side in (WITH, WITHOUT):
        assert document["variants"][side]["steps"] == 4
        assert run.log(side).read_text().startswith("['lab.ipynb', '--lr', '1']")
    assert document["variants"][WITH]["final_loss"] != document["variants"][WITHOUT]["final_loss"]
    settings = run.read().settings
    assert settings.summary() == "lab.ipynb --lr 1 · seed 42"
    shown = ["".join(text for text, _ in line) for line in code_lines(settings, 100)]
    assert any(line.endswith("# [3]") for line in shown)
    assert any("▸     optimizer.zero_grad()" in line for line in shown)


@pytest.mark.slow
def test_a_cell_that_fails_fails_its_side(tmp_path: Path) -> None:
    (tmp_path / "lab.ipynb").write_text(CELLS, encoding="utf-8")
    result = compare("lab.ipynb", cwd=tmp_path)
    assert result.returncode == 1
    assert "with_zero_grad failed: ZeroDivisionError: division by zero" in result.stderr
    assert f'File "{tmp_path}/lab.ipynb[4]", line 1' in find_run("last").log(WITH).read_text()


def test_a_damaged_notebook_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "lab.ipynb"
    path.write_text('{"cells": [', encoding="utf-8")
    why = "it is damaged (not valid JSON in line 1); takes a Jupyter notebook in Python"
    assert refusal("compare", str(path)) == f"gradtui: script: got {str(path)!r}; {why}\n"
    settings = RunSettings.parse({"experiment": "script", "script": str(path)})
    assert any('{"cells": [' in text for line in code_lines(settings, 100) for text, _ in line)
