"""The script runs as python would run it, and its end is the command's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.check.forks import ROOT, Forks

LOOP = """\
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(10):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
"""
STALE = LOOP.replace("    optimizer.zero_grad()\n", "")
SHOW = """\
import json, os, sys
is_main = sys.modules['__main__'].__dict__ is globals()
print(json.dumps([__name__, sys.argv, os.path.basename(sys.path[0]), os.listdir(), is_main, os.path.basename(__file__)]))
"""


# Exit codes


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("sys.exit()", 0), ("sys.exit(0)", 0), ("sys.exit(3)", 3), ("sys.exit('sorry')", 1), ("raise KeyError(1)", 1)],
)
def test_clean_script_keeps_its_own_exit_code(forks: Forks, end: str, code: int) -> None:
    run = forks.check(f"import sys\n{LOOP}{end}\n")
    assert run.code == code
    assert run.report["verdict"] == "clean"
    assert run.report["script_exit_code"] == code


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(2**70)", 255),
        ("class Odd(int):\n    def __bool__(self): raise ValueError\nsys.exit(Odd(0))", 0),
        ("class Odd(Exception):\n    __notes__ = property(lambda self: 1 / 0)\nraise Odd('boom')", 1),
        ("e = SyntaxError('m')\ne.text, e.lineno, e.filename, e.offset = 5, 3, 'x', 1\nraise e", 1),
    ],
)
def test_odd_exit_codes_and_errors_do_not_lose_the_report(forks: Forks, end: str, code: int) -> None:
    run = forks.check(f"import sys\n{LOOP}{end}\n")
    assert (run.code, run.report["verdict"], run.report["script_exit_code"]) == (code, "clean", code)


@pytest.mark.parametrize(("end", "code"), [("", 1), ("sys.exit(0)", 1), ("sys.exit(3)", 3)])
def test_a_finding_is_exit_code_1_unless_the_script_failed(forks: Forks, end: str, code: int) -> None:
    run = forks.check(f"import sys\n{STALE}{end}\n")
    assert run.code == code
    assert run.report["verdict"] == "stale gradients"


def test_traceback_is_pythons_own_and_starts_at_the_users_file(forks: Forks) -> None:
    source = "def inner():\n    raise ValueError('mine')\n\n\ndef outer():\n    inner()\n\n\nouter()\n"
    under_check = forks.check(source).err
    lines = [line for line in under_check.splitlines() if not line.strip().startswith(("^", "~"))]
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('script.py", line 9, in <module>')
    assert [line for line in lines if "File" in line and "script.py" not in line] == []
    assert lines[-1] == "ValueError: mine"


def test_syntax_error_is_shown_as_pythons(forks: Forks) -> None:
    run = forks.check("print('a'\n")
    assert run.code == 1
    assert "SyntaxError" in run.err
    assert "gradtui" not in run.err


def test_message_of_sys_exit_goes_to_standard_error(forks: Forks) -> None:
    assert forks.check("import sys\nsys.exit('no data')\n").err == "no data\n"


# What the script sees


def test_script_sees_its_arguments_folder_and_main(forks: Forks) -> None:
    run = forks.run(["sub/script.py", "--lr", "1e-3", "--json"], {"sub/script.py": SHOW})
    name, argv, first_path, folder, is_main, file = json.loads(run.out.splitlines()[0])
    assert (name, argv) == ("__main__", ["sub/script.py", "--lr", "1e-3", "--json"])
    assert (first_path, is_main, file) == ("sub", True, "script.py")
    assert "sub" in folder


def test_module_sees_its_arguments_and_working_directory(forks: Forks) -> None:
    files = {
        "package/__init__.py": "",
        "package/train.py": "from . import rows\n" + SHOW,
        "package/rows.py": "",
        "script.py": "",
    }
    run = forks.run(["-m", "package.train", "--epochs", "2"], files)
    name, argv, _, folder, is_main, _ = json.loads(run.out.splitlines()[0])
    assert (name, is_main, "package" in folder) == ("__main__", True, True)
    assert argv[0].endswith("package/train.py")
    assert argv[1:] == ["--epochs", "2"]


def test_package_with_a_main_module_runs(forks: Forks) -> None:
    run = forks.run(["--json", "-m", "package"], {"package/__init__.py": "", "package/__main__.py": STALE})
    assert run.code == 1
    assert run.report["optimizers"][0]["step_at"] == ["package/__main__.py:6"]


def test_modules_beside_the_script_are_imported_and_their_lines_are_told(forks: Forks) -> None:
    loop = "def train(model, optimizer):\n    for step in range(5):\n        model().backward()\n        optimizer.step()\n"
    script = "import torch\nfrom loop import train\nw = torch.nn.Parameter(torch.ones(3))\n"
    script += "train(lambda: w.pow(2).sum(), torch.optim.SGD([w], lr=0.01))\n"
    run = forks.run(["--json", "script.py"], {"script.py": script, "loop.py": loop})
    assert run.report["optimizers"][0]["backward_at"] == ["loop.py:3"]
    assert run.report["optimizers"][0]["step_at"] == ["loop.py:4"]
    assert run.report["optimizers"][0]["stale_parameters"] == ["w"]


def test_classes_of_the_script_can_be_pickled(forks: Forks) -> None:
    source = "import pickle\nclass Batch: pass\nassert type(pickle.loads(pickle.dumps(Batch()))) is Batch\n"
    assert forks.check(source + LOOP).code == 0


# Options


@pytest.mark.parametrize("steps", [1, 4, 60])
def test_steps_ends_the_script_after_so_many(forks: Forks, steps: int) -> None:
    source = LOOP.replace("range(10)", "range(10**9)") + "print('never')\n"
    run = forks.check(source, "--steps", str(steps))
    assert (run.code, run.report["steps"], run.report["ended_early"]) == (0, steps, True)
    assert "never" not in run.out


def test_json_is_the_last_line_after_what_the_script_prints(forks: Forks) -> None:
    run = forks.check("import atexit\natexit.register(print, 'the end', end='')\n" + LOOP + "print('done', end='')\n")
    *printed, last = run.out.splitlines()
    assert printed == ["donethe end"]
    report = json.loads(last)
    assert report.keys() >= {"verdict", "optimizers", "findings"}
    assert report["optimizers"][0].keys() >= {"class", "steps", "stale_steps", "verdict"}


def test_findings_in_json_have_kind_message_and_where(forks: Forks) -> None:
    (finding,) = forks.check(STALE).report["findings"]
    assert finding.keys() >= {"kind", "message", "where"}
    assert finding["where"] == "script.py:6"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "gradtui check: SCRIPT: got nothing; it takes the path of a Python script, or -m and the name of a module"),
        (["none.py"], "gradtui check: SCRIPT: got 'none.py'; there is no such file; it takes the path of a Python script"),
        (["--steps", "0", "x.py"], "gradtui check: --steps: got '0'; it takes a whole number of at least 1"),
        (
            ["-m", "no.such"],
            "gradtui check: -m: got 'no.such'; there is no such module; it takes the name of one that python -m can run",
        ),
        (
            ["-m", ".relative"],
            "gradtui check: -m: got '.relative'; there is no such module; it takes the name of one that python -m can run",
        ),
        (["-m"], "gradtui check: -m: got nothing; it takes the name of a module"),
        (["--steps"], "gradtui check: --steps: got nothing; it takes a whole number of at least 1"),
        (
            ["--json=x", "x.py"],
            "gradtui check: got '--json=x'; before the script, it takes --steps N, --json, --strict and -m MODULE",
        ),
        (
            ["--fast", "x.py"],
            "gradtui check: got '--fast'; before the script, it takes --steps N, --json, --strict and -m MODULE",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(forks: Forks, words: list[str], line: str) -> None:
    run = forks.run(words, {})
    assert (run.code, run.err, run.out) == (2, line + "\n", "")


# Processes of the script's own


def test_dataloader_workers_are_let_be(forks: Forks) -> None:
    source = LOOP.replace(
        "for step in range(10):",
        "loader = torch.utils.data.DataLoader(torch.ones(40, 2), batch_size=4, num_workers=2)\nfor batch in loader:",
    )
    run = forks.check(source.replace("torch.ones(4, 2))", "batch)"))
    assert (run.code, run.report["verdict"], run.report["steps"], run.err) == (0, "clean", 10, "")
    assert len(run.out.splitlines()) == 2


def test_forked_child_ends_as_it_would_and_reports_nothing(forks: Forks) -> None:
    source = "import os, sys\npid = os.fork()\nif pid == 0:\n    print('child', flush=True)\n    sys.exit(7)\n"
    source += "status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\nprint('status', status)\n"
    run = forks.check(source + LOOP)
    assert run.out.splitlines()[:2] == ["child", "status 7"]
    assert run.out.count("verdict") == 2  # the report's and its optimizer's
    assert run.code == 0


def test_torch_is_not_imported_for_a_script_that_does_not(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import sys\nprint('torch' in sys.modules)\n", encoding="utf-8")
    words = [sys.executable, "-m", "gradtui", "check", "--json", "probe.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    printed, report = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert (printed, json.loads(report)["verdict"], done.returncode, done.stderr) == ("False", "no steps", 3, "")
    assert json.loads(report)["notes"][0]["message"] == "the script did not import torch"


@pytest.mark.slow
def test_a_script_that_asks_whether_torch_is_there_before_it_imports_it_is_watched(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        """import importlib.util
assert importlib.util.find_spec("torch") is not None
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    model(torch.randn(3, 2)).sum().backward()
    optimizer.step()
"""
    )
    words = [sys.executable, "-m", "gradtui", "check", "--json", "train.py"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
    assert json.loads(result.stdout.splitlines()[-1])["verdict"] == "stale gradients"
