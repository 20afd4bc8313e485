"""``%load_ext gradtui``: what a notebook's user sees, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from gradtui.check.ipython_extension import without_cell_magic
from tests.check.forks import Forks, Run
from tests.check.test_notebooks import LOOP, MODEL, PLOTS, STALE, check, notebook

pytest.importorskip("IPython")

KERNEL = """\
import json, os
os.environ["IPYTHONDIR"] = os.getcwd()
os.environ["MPLBACKEND"] = "Agg"
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
config.InteractiveShell.colors = "nocolor"
InteractiveShell.enable_gui = lambda self, gui=None: None
shell = InteractiveShell.instance(config=config)
for number, cell in enumerate(json.load(open("cells.json")), 1):
    print(f"<{number}>")
    result = shell.run_cell(cell, store_history=True)
    print(f"<{number} {'done' if result.success else 'failed'}>")
"""
LOAD = "%load_ext gradtui"


def run(forks: Forks, cells: Sequence[str]) -> list[str]:
    """Run the cells in IPython, with nobody else watching; what each prints."""
    done = run_all(forks, cells)
    assert (done.code, done.err) == (0, "")
    return [done.out.split(f"<{number}>\n")[1].split(f"<{number} done>\n")[0] for number in range(1, len(cells) + 1)]


def run_all(forks: Forks, cells: Sequence[str]) -> Run:
    return forks.run(["kernel.py"], {"kernel.py": KERNEL, "cells.json": json.dumps(list(cells))}, way="python")


def test_a_watched_cell_prints_its_report(forks: Forks) -> None:
    *_, clean, _, stale = run(forks, [LOAD, MODEL, f"%%gradcheck\n{LOOP}", STALE, f"%%gradcheck\n\n{STALE}"])
    assert clean.startswith("\ngradtui check: clean  (10 optimizer steps)\n")
    assert "cleared    In[3]:3  optimizer.zero_grad()" in clean
    assert stale.startswith("\ngradtui check: stale gradients  (10 optimizer steps)\n")
    assert "step       In[5]:5  optimizer.step()" in stale
    assert (
        "fix        call optimizer.zero_grad() once per step, before the backward() of In[5]:4, or right after In[5]:5" in stale
    )


def test_other_cell_magics_and_await_work_below_it(forks: Forks) -> None:
    awaits = f"%%gradcheck\nimport asyncio\nawait asyncio.sleep(0)\n{STALE}"
    *_, awaited, timed = run(forks, [LOAD, MODEL, awaits, f"%%gradcheck\n%%time\n{STALE}"])
    assert "step       In[3]:6  optimizer.step()" in awaited
    assert "Wall time" in timed
    assert "stale gradients  (10 optimizer steps)" in timed


def test_lines_of_timed_code_are_the_cells(forks: Forks) -> None:
    step = "x = 1\n%time model(torch.ones(1, 2)).sum().backward()\n%time optimizer.step()"
    *_, cell, lines = run(
        forks, [LOAD, MODEL + "\n%gradcheck on", f"%%time\n{STALE}", "%gradcheck report", step, "%gradcheck off"]
    )[3::2]
    assert "step       In[3]:4  optimizer.step()\n" in cell
    assert "call optimizer.zero_grad() once per step, before the backward() of In[3]:3" in cell
    assert "backward   In[5]:2" in lines
    assert "step       In[5]:3" in lines


def test_the_value_of_a_watched_cell_is_shown(forks: Forks) -> None:
    assert run(forks, [LOAD, "%%gradcheck\n1 + 1"])[1].startswith("Out[2]: 2\n\ngradtui check: no steps")


def test_a_watched_cell_that_fails_fails(forks: Forks) -> None:
    done = run_all(forks, [LOAD, MODEL, f"%%gradcheck\n{LOOP}\n1 / 0", f"%%gradcheck\n{LOOP}"])
    _, failed = done.out.split("<3>\n")
    assert "ZeroDivisionError" in failed
    assert "  ended by ZeroDivisionError: division by zero\n" in failed
    assert "<3 failed>" in failed
    assert "gradtui check: clean  (10 optimizer steps)\n" in failed.split("<4>")[1]


def test_cells_are_watched_from_on_to_off(forks: Forks) -> None:
    cells = [
        LOAD,
        MODEL,
        STALE,
        "%gradcheck on",
        LOOP,
        "%gradcheck report",
        STALE,
        "%gradcheck off",
        STALE,
        "%gradcheck report",
    ]
    printed = run_all(forks, cells)
    assert "gradcheck is off: %gradcheck on begins to watch" in printed.err
    parts = [printed.out.split(f"<{number}>\n")[1].split(f"<{number} ")[0] for number in (6, 8)]
    assert parts[0].startswith("gradtui check: clean  (10 optimizer steps)\n")
    assert parts[1].startswith("gradtui check: stale gradients  (10 optimizer steps)\n")
    assert "step       In[7]:3" in parts[1]


def test_wrong_words_are_told(forks: Forks) -> None:
    err = run_all(forks, [LOAD, "%gradcheck", "%gradcheck on", "%gradcheck on"]).err
    assert err == "got ''; it takes %gradcheck on|off|report, or %%gradcheck at the top of a cell\ngradcheck is already on\n"


def test_loaded_twice_and_unloaded(forks: Forks) -> None:
    again = f"%%gradcheck\n{LOOP}"
    *_, watched, _ = run(forks, [LOAD, LOAD, MODEL, "%reload_ext gradtui", again, "%unload_ext gradtui"])
    assert watched.count("gradtui check: clean") == 1
    done = run_all(forks, [LOAD, "%unload_ext gradtui", "%%gradcheck\n1"])
    assert "UsageError: Cell magic `%%gradcheck` not found" in done.err


def test_a_model_is_called_by_its_own_name_though_ipython_has_shown_it(forks: Forks) -> None:
    spare = "spare = torch.nn.Linear(3, 3)\noptimizer.add_param_group({'params': spare.parameters()})\nspare"
    printed = run(forks, [LOAD, MODEL, spare, "spare", f"%%gradcheck\n{LOOP}"])[-1]
    assert "never got a gradient in 10 steps: spare.weight, spare.bias." in printed


def test_a_checked_notebook_may_use_it(forks: Forks) -> None:
    done = check(forks, notebook(LOAD, MODEL, f"%%gradcheck\n{STALE}", f"%gradcheck on\n{LOOP}\n%gradcheck off"))
    assert (done.code, done.report["steps"], done.err) == (1, 20, "")
    assert "step       lab.ipynb[3]:4  optimizer.step()" in done.out
    assert "gradtui check: clean  (10 optimizer steps)" in done.out


@pytest.mark.slow
def test_notebook_of_twenty_cells_with_plots_and_magics(forks: Forks) -> None:
    pytest.importorskip("matplotlib")
    text = PLOTS.replace("    optimizer.zero_grad()\\n", "")
    cells = ["".join(each["source"]) for each in json.loads(text)["cells"] if each["cell_type"] == "code"]
    assert len(cells) == 20
    printed = run(forks, [LOAD, "%gradcheck on", *cells, "%gradcheck off"])[-1]
    assert printed.startswith("gradtui check: stale gradients  (80 optimizer steps)\n")
    assert "step       In[12]:4  optimizer.step()" in printed


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("%%gradcheck\nx = 1\n", "\nx = 1\n"),
        ("%%gradcheck  \n%%time\nx = 1\n", "%%time\nx = 1\n"),
        ("%%gradchecks\nx = 1\n", "%%gradchecks\nx = 1\n"),
        ("%gradcheck on\n", "%gradcheck on\n"),
        ("%%gradcheck", "\n"),
        ("", ""),
    ],
)
def test_only_its_own_line_is_taken_off(source: str, left: str) -> None:
    assert "".join(without_cell_magic(source.splitlines(keepends=True))) == left
