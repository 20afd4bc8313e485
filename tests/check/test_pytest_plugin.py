"""The fixture ``gradcheck``, ``pytest --gradcheck``, and a test suite under ``gradtui check -m pytest``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.check.forks import Forks, Run

TRAIN = """\
import pytest
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
def train(clears=True):
    for _ in range(5):
        if clears:
            optimizer.zero_grad()
        model(torch.ones(2, 2)).sum().backward()
        optimizer.step()
"""
FIVE = (
    TRAIN
    + """\
@pytest.fixture
def trained():
    train()
    return model
def test_one(): train()
def test_two(): assert 1 + 1 == 2
def test_wrong(): train(clears=False)
def test_four(trained): pass
class TestFive:
    def test_five(self): train()
"""
)
FIXTURE = (
    TRAIN
    + """\
def test_clean(gradcheck): train()
def test_wrong(gradcheck): train(clears=False)
@pytest.mark.gradcheck(ignore=["stale gradients"])
def test_marked(gradcheck): train(clears=False)
def test_fails(gradcheck): train(clears=False); assert 0
def test_trains_nothing(gradcheck): pass
def test_asks(gradcheck):
    train(clears=False)
    gradcheck.assert_clean(ignore=["stale gradients"])
"""
)
LINE = (
    "test_train.py::test_wrong: stale gradients: step 2 and 3 more applied gradients that an earlier step had already "
    "applied (all 2 parameters) (test_train.py:10)"
)
NO_CACHE = ("-p", "no:cacheprovider", "--strict-markers", "-q")


def run(forks: Forks, suite: str, *words: str) -> Run:
    """``pytest`` with these words on the suite, with nobody else watching."""
    script = f"import sys, pytest\nsys.exit(pytest.main({[*NO_CACHE, *words]!r}))\n"
    return forks.run(["script.py"], {"script.py": script, "test_train.py": suite}, way="python")


# The option


@pytest.mark.slow
def test_each_test_is_watched_and_each_finding_is_one_line(forks: Forks) -> None:
    done = run(forks, FIVE, "--gradcheck")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    place = lines.index(LINE)
    assert "= gradcheck =" in lines[place - 1]
    assert lines[place + 1] == "1 finding: the session fails"
    assert lines[-1].startswith("5 passed")


@pytest.mark.slow
def test_clean_suite_passes(forks: Forks) -> None:
    done = run(forks, FIVE.replace("clears=False", ""), "--gradcheck")
    assert (done.code, "gradcheck" in done.out) == (0, False)


@pytest.mark.slow
def test_marked_test_may_have_findings(forks: Forks) -> None:
    marked = FIVE.replace("def test_wrong", "@pytest.mark.gradcheck(ignore=['stale gradients'])\ndef test_wrong")
    assert run(forks, marked, "--gradcheck").code == 0


@pytest.mark.slow
def test_under_xdist(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "test_train.py").write_text(FIVE, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", *NO_CACHE, "--gradcheck", "-n", "2"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines().count(LINE) == 1
    assert "5 passed" in done.stdout


# The fixture


def test_the_fixture_fails_a_test_that_trains_wrongly(forks: Forks) -> None:
    done = run(forks, FIXTURE, "-rA")
    assert (done.code, done.err) == (1, "")
    assert "1 failed, 5 passed, 2 errors" in done.out
    assert "ERROR test_train.py::test_wrong - Failed: gradtui check: stale gradients" in done.out
    assert "ERROR test_train.py::test_trains_nothing - Failed: gradtui check: no steps" in done.out
    assert "fix        call optimizer.zero_grad() once per step, before the backward() of test_train.py:9" in done.out
    _, section = done.out.split("_ test_fails _")
    assert section.split("- gradcheck -")[1].lstrip("-\n").startswith("gradtui check: stale gradients")


@pytest.mark.slow
def test_a_suites_own_fixture_of_that_name_goes_first(forks: Forks) -> None:
    own = "import pytest\n@pytest.fixture\ndef gradcheck(): return 3\ndef test_own(gradcheck): assert gradcheck == 4\n"
    done = run(forks, own)
    assert "assert 3 == 4" in done.out
    assert "1 failed" in done.out.splitlines()[-1]


# The command


@pytest.mark.slow
def test_suite_under_check(forks: Forks) -> None:
    words = ["--json", "-m", "pytest", *NO_CACHE, "test_train.py"]
    done = forks.run(words, {"test_train.py": FIVE})
    report = done.report
    assert (done.code, report["verdict"], report["script_exit_code"]) == (1, "stale gradients", 0)
    assert "warning" not in done.out
    assert report["findings"][0]["where"] == "test_train.py:10"
    clean = forks.run(words, {"test_train.py": FIVE.replace("clears=False", "")})
    assert (clean.code, clean.report["verdict"], clean.report["steps"]) == (0, "clean", 20)


# Its cost where nobody uses it


def modules_after(code: str, folder: Path) -> set[str]:
    """The modules that this code imports."""
    shows = f"import __future__, collections.abc, sys\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", shows], cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_gradtui_imports_nothing_else(tmp_path: Path) -> None:
    assert modules_after("import gradtui", tmp_path) == {"gradtui"}


def test_the_plugin_imports_nothing_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n", encoding="utf-8")
    modules = modules_after(f"import pytest\npytest.main({[*NO_CACHE]!r})", tmp_path)
    assert {name for name in modules if name.startswith(("gradtui", "torch"))} == {
        "gradtui",
        "gradtui.check",
        "gradtui.check.pytest_plugin",
    }


@pytest.mark.slow
def test_pytest_works_without_it(forks: Forks) -> None:
    assert run(forks, FIVE, "-p", "no:gradtui").code == 0
