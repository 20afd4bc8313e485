"""``gradtui check lab.ipynb``: the cells run as in a fresh Jupyter kernel, and places name the cell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gradtui.script.magics import skip_magics
from gradtui.script.notebook import NotANotebook, is_notebook, parse
from tests.check.forks import Forks, Run

MODEL = """\
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)"""
LOOP = """\
for step in range(10):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()"""
STALE = LOOP.replace("    optimizer.zero_grad()\n", "")
EVERYTHING: dict[str, str] = {}
NO_IPYTHON = {"IPython.py": "raise ImportError('not here')"}
PLOTS = (Path(__file__).parent / "notebooks" / "plots.ipynb").read_text(encoding="utf-8")
"""A real notebook: 20 code cells, with text, plots and magics."""


def cell(source: str | Sequence[str], **others: object) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source, **others}


def notebook(*cells: str | dict[str, Any], **others: object) -> str:
    """A notebook of format 4."""
    made = [each if isinstance(each, dict) else cell(each) for each in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **others})


def check(forks: Forks, text: str, files: Mapping[str, str] = EVERYTHING) -> Run:
    return forks.run(["--json", "lab.ipynb"], {"lab.ipynb": text, **files})


# Cells


@pytest.mark.parametrize("ipython", [True, False])
def test_places_name_the_cell_as_jupyter_counts_it(forks: Forks, ipython: bool) -> None:
    text = {"cell_type": "markdown", "metadata": {}, "source": "# A title"}
    last = cell(f"\n\n{STALE}".splitlines(keepends=True))
    run = check(forks, notebook(text, MODEL, "  \n", text, last), EVERYTHING if ipython else NO_IPYTHON)
    (one,) = run.report["optimizers"]
    assert (run.code, run.report["verdict"], one["steps"], run.err) == (1, "stale gradients", 10, "")
    assert (one["backward_at"], one["step_at"]) == (["lab.ipynb[2]:4"], ["lab.ipynb[2]:5"])
    assert run.report["findings"][0]["where"] == "lab.ipynb[2]:5"


def test_lines_are_quoted_from_the_cell(forks: Forks) -> None:
    run = forks.run(["lab.ipynb"], {"lab.ipynb": notebook(MODEL, STALE)})
    assert "backward   lab.ipynb[2]:2  model(torch.ones(4, 2)).pow(2).mean().backward()\n" in run.out


def test_format_3(forks: Forks) -> None:
    cells = [
        {"cell_type": "heading", "level": 1, "source": "A title"},
        *({"cell_type": "code", "language": "python", "input": source, "outputs": []} for source in (MODEL, LOOP)),
    ]
    document = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}
    run = check(forks, json.dumps(document))
    assert (run.code, run.report["optimizers"][0]["cleared_at"]) == (0, ["lab.ipynb[2]:2"])


def test_notebook_without_code_cells(forks: Forks) -> None:
    run = check(forks, notebook())
    assert (run.code, run.report["verdict"], run.err) == (3, "no steps", "")


@pytest.mark.parametrize("files", [EVERYTHING, NO_IPYTHON])
def test_notebook_that_only_defines(forks: Forks, files: dict[str, str]) -> None:
    run = check(forks, notebook(MODEL, "def train():\n    ..."), files)
    assert (run.code, run.report["verdict"], run.err) == (3, "no steps", "")
    assert run.report["notes"][0]["message"] == "step() of SGD was never called in this process"


def test_executed_notebook_is_known_by_what_it_holds(forks: Forks) -> None:
    output = {"name": "stdout", "output_type": "stream", "text": ["hello"]}
    text = notebook(cell(MODEL, execution_count=1, outputs=[output]), cell(STALE, execution_count=2))
    run = forks.run(["--json", "lab.py"], {"lab.py": text.replace("null", "1")})
    assert (run.code, run.report["optimizers"][0]["step_at"]) == (1, ["lab.py[2]:3"])


def test_python_that_begins_with_a_brace_is_a_script(forks: Forks) -> None:
    run = forks.run(["--json", "train.py"], {"train.py": f'{{"nbformat": 4, "cells": []}}\n{MODEL}\n{STALE}\n'})
    assert (run.code, run.report["optimizers"][0]["step_at"]) == (1, ["train.py:7"])


def test_a_failing_cell_is_named_and_ends_the_run(forks: Forks) -> None:
    run = check(forks, notebook(MODEL, LOOP, "def f():\n    1 / 0\nf()", "print('never')"))
    assert (run.code, run.report["verdict"], run.report["script_exit_code"]) == (1, "clean", 1)
    assert "never" not in run.out
    lines = run.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == '  File "HERE/lab.ipynb[3]", line 3, in <module>'
    assert lines[2] == "    f()"
    assert '  File "HERE/lab.ipynb[3]", line 2, in f' in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("ipython", [True, False])
def test_a_cell_that_is_no_python_fails_after_those_before_it(forks: Forks, ipython: bool) -> None:
    run = check(forks, notebook(f"{MODEL}\n{LOOP}", "x = = 1"), EVERYTHING if ipython else NO_IPYTHON)
    assert (run.code, run.report["steps"]) == (1, 10)
    assert 'File "HERE/lab.ipynb[2]", line 1' in run.err
    assert run.err.splitlines()[-1] == "SyntaxError: invalid syntax"


def test_exit_code_of_a_cell_is_kept(forks: Forks) -> None:
    assert check(forks, notebook(MODEL, "import sys\nsys.exit(7)", "1 / 0")).code == 7
    assert check(forks, notebook(MODEL, LOOP, "exit()", "1 / 0")).code == 0


def test_cells_that_may_fail_or_are_skipped(forks: Forks) -> None:
    may_fail = cell("1 / 0", metadata={"tags": ["raises-exception"]})
    skipped = cell("0 / 0", metadata={"tags": ["skip-execution"]})
    run = check(forks, notebook(MODEL, may_fail, skipped, LOOP))
    assert (run.code, run.report["steps"], run.report["optimizers"][0]["step_at"]) == (0, 10, ["lab.ipynb[3]:4"])
    assert "ZeroDivisionError" in run.err


def test_value_of_a_cells_last_expression_is_shown(forks: Forks) -> None:
    run = check(forks, notebook("1 + 1", "2 + 2;", "None", "x = 3", "x"))
    assert run.out.splitlines()[:-2] == ["2", "3"]


@pytest.mark.parametrize("ipython", [True, False])
def test_top_level_await(forks: Forks, ipython: bool) -> None:
    coroutine = "import asyncio\nasync def train():\n    await asyncio.sleep(0)\n"
    loop = coroutine + "".join(f"    {line}\n" for line in STALE.splitlines()) + "    return 'trained'\n"
    run = check(forks, notebook(MODEL, loop, "await train()", "await missing"), EVERYTHING if ipython else NO_IPYTHON)
    assert (run.code, run.report["optimizers"][0]["step_at"]) == (1, ["lab.ipynb[2]:6"])
    assert run.out.splitlines()[0] == "'trained'"
    assert run.err.splitlines()[1] == '  File "HERE/lab.ipynb[4]", line 1, in <module>'


def test_one_namespace_with_the_notebooks_folder_as_the_working_directory(forks: Forks) -> None:
    shows = "import os, sys\nprint(os.path.basename(os.getcwd()), sys.argv, __name__, '__file__' in globals())"
    files = {
        "labs/lab.ipynb": notebook("from __future__ import annotations", f"{shows}\nclass A: x: missing", f"{MODEL}\n{STALE}")
    }
    run = forks.run(["--json", "labs/lab.ipynb", "--lr", "1"], files)
    assert run.out.splitlines()[0] == "labs ['labs/lab.ipynb', '--lr', '1'] __main__ False"
    assert run.report["optimizers"][0]["step_at"] == ["labs/lab.ipynb[3]:6"]


# Files that are no notebooks


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"cells": [', "it is damaged (not valid JSON in line 1)"),
        ("", "it is damaged (not valid JSON in line 1)"),
        ("[]", "it is damaged (its JSON is not that of a notebook)"),
        ('{"cells": 3}', "it is damaged (its JSON is not that of a notebook)"),
        ('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "it is a notebook in 'R', not in Python"),
    ],
)
def test_damaged_notebook_is_one_line_and_exit_code_2(forks: Forks, text: str, why: str) -> None:
    run = check(forks, text)
    line = f"gradtui check: SCRIPT: got 'lab.ipynb'; {why}; it takes a Jupyter notebook in Python\n"
    assert (run.code, run.err, run.out) == (2, line, "")
    with pytest.raises(NotANotebook):
        parse("lab.ipynb", text.encode())


def test_what_a_notebook_is() -> None:
    assert is_notebook("a.IPYNB", b"")
    assert is_notebook("a.txt", b' {"nbformat": 4, "cells": []}')
    for source in (b"import torch", b"{}", b'{"cells": []}', b"{1, 2}", b'{"nbformat": 4}', b"{" * 100_000):
        assert not is_notebook("a.py", source)


# Magics


MAGICS = [
    "%matplotlib inline\n!echo from the shell\n" + MODEL,
    "torch.nn.Linear?",
    "%%time\n" + STALE,
    "%%capture out\nprint('captured')\n" + STALE,
    "%%bash\necho from bash",
    "listed = !echo listed\nprint(listed)",
]


def test_magics_run_through_ipython(forks: Forks) -> None:
    run = check(forks, notebook(*MAGICS))
    assert (run.code, run.err) == (1, "")
    assert run.report["optimizers"][0]["step_at"] == ["lab.ipynb[3]:4", "lab.ipynb[4]:5"]
    for text in ("from the shell", "Applies an affine linear transformation", "Wall time", "from bash", "['listed']"):
        assert text in run.out
    assert "captured" not in run.out


def test_magics_are_skipped_without_ipython_which_is_said_once(forks: Forks) -> None:
    run = check(forks, notebook(*MAGICS), NO_IPYTHON)
    assert run.code == 1
    assert run.err == (
        "gradtui: lab.ipynb: IPython is not installed, so these are skipped: "
        "%matplotlib inline, !echo from the shell, torch.nn.Linear?, ...\n"
    )
    assert run.report["optimizers"][0]["step_at"] == ["lab.ipynb[3]:4", "lab.ipynb[4]:5"]
    assert run.out.splitlines()[:-2] == ["captured", "None"]


def test_a_magic_that_fails_fails_its_cell(forks: Forks) -> None:
    for failing in ("%%time\nx = 1\n1 / 0", "%%capture\n\n1 / 0", "%run missing.py", "%%missing\n1"):
        run = check(forks, notebook(MODEL, failing, "print('never')"))
        assert (run.code, "never" in run.out) == (1, False), failing
    assert 'File "HERE/lab.ipynb[2]", line 3' in check(forks, notebook(MODEL, "%%time\nx = 1\n1 / 0")).err


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("a = 5\n%magic\nb = 3", "a = 5\npass\nb = 3"),
        ("if a:\n    !ls it's", "if a:\n    pass"),
        ("x = !ls\ny = %pwd", "x = None\ny = None"),
        ("%time f(x)", "f(x)"),
        ("print?\n??print", "pass\npass"),
        ("!pip install \\\n  torch\nx = 1", "pass\n\nx = 1"),
        ('print("""\n% done\n! ok\n""")', 'print("""\n% done\n! ok\n""")'),
        ("a = (7\n  % 2)", "a = (7\n  % 2)"),
        ("%%bash\nls", ""),
        ("%%time\nf()", "\nf()"),
        ("x = = 1", "x = = 1"),
        ("%time x = = 1", "x = = 1"),
    ],
)
def test_only_magics_are_skipped(source: str, python: str) -> None:
    assert skip_magics(source)[0] == python


ASYNC = "async def train():\n" + "".join(f"    {line}\n" for line in LOOP.splitlines()) + "await train()"


@pytest.mark.parametrize("loop", [LOOP, f"%%time\n{LOOP}", f"%%capture\n{LOOP}", ASYNC, f"%%capture\n%%time\n{LOOP}"])
def test_steps_ends_a_notebook_too(forks: Forks, loop: str) -> None:
    run = forks.run(["--steps", "4", "--json", "lab.ipynb"], {"lab.ipynb": notebook(MODEL, loop, "1 / 0")})
    assert (run.code, run.report["steps"], run.report["ended_early"], run.err) == (0, 4, True, "")


# A real one


@pytest.mark.slow
@pytest.mark.parametrize("ipython", [True, False])
@pytest.mark.parametrize("clears", [True, False])
def test_notebook_of_twenty_cells_with_plots_and_magics(forks: Forks, clears: bool, ipython: bool) -> None:
    pytest.importorskip("matplotlib")
    text = PLOTS if clears else PLOTS.replace("    optimizer.zero_grad()\\n", "")
    assert (text == PLOTS) == clears
    run = check(forks, text, EVERYTHING if ipython else NO_IPYTHON)
    assert run.code == (0 if clears else 1), run.err
    (one,) = run.report["optimizers"]
    assert one["step_at"] == [f"lab.ipynb[10]:{5 if clears else 4}"]
    assert ("IPython is not installed" in run.err) == (not ipython)
