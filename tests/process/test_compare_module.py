"""``gradtui compare -m``: a module, as ``python -m`` runs it, as both sides of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import find_run
from gradtui.settings import RunSettings, SettingsError
from tests.process.test_cli import refusal
from tests.process.test_compare import MODEL, WITH, WITHOUT, compare

TRAIN = "import json, sys\nfrom .rows import ROWS\n" + MODEL + "print(json.dumps(sys.argv))\nfor _ in range(ROWS): step()\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    for name, source in {"__init__": "", "__main__": TRAIN, "train": TRAIN, "rows": "ROWS = 5\n"}.items():
        (tmp_path / "package" / f"{name}.py").write_text(source)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file"), [("package", "__main__.py"), ("package.train", "train.py")])
def test_a_module_is_run_in_the_working_directory(folder: Path, name: str, file: str) -> None:
    result = compare("--steps", "3", "--json", "-m", name, "--lr", "1", "-m", "a b", cwd=folder)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    run = find_run("last")
    for side in (WITH, WITHOUT):
        assert document["variants"][side]["steps"] == 3
        assert json.loads(run.log(side).read_text()) == [str(folder / "package" / file), "--lr", "1", "-m", "a b"]
    settings = document["settings"]
    assert (settings["script"], settings["module"]) == (name, True)
    assert (settings["arguments"], settings["directory"]) == ("--lr 1 -m 'a b'", str(folder))
    assert run.read().settings.summary() == f"-m {name} --lr 1 -m 'a b' · seed 42"


def test_a_module_that_does_not_exist_is_refused_in_one_line(folder: Path) -> None:
    words = "got 'no.such'; there is no such module; takes the name of one that python -m can run"
    assert refusal("compare", "-m", "no.such") == f"gradtui: script: {words}\n"
    assert refusal("compare", "-m") == "gradtui compare: -m: got nothing; it takes the name of a module\n"
    for name in ("package.rows.none", "package.none"):
        with pytest.raises(SettingsError, match="there is no such module"):
            launch.check_can_start(settings(folder, name))
    assert "takes the name of a module" in refusal("run", "script", "--module")


def test_a_module_that_only_its_package_can_tell_of_is_missed_by_the_worker(folder: Path) -> None:
    (folder / "package" / "__init__.py").write_text("__path__ = list(__path__)\n")
    launch.check_can_start(settings(folder, "package.none"))
    result = compare("-m", "package.none", cwd=folder)
    assert result.returncode == 1
    assert "with_zero_grad failed: -m: got 'package.none'; there is no such module" in result.stderr


def settings(folder: Path, name: str) -> RunSettings:
    return RunSettings.parse({"experiment": "script", "script": name, "module": "on", "directory": str(folder)})
