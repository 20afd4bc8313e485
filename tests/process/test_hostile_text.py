"""Hostile text from a user's script, its path, its folder and from files, through the commands and their real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import find_run
from gradtui.runs.sweeps.sweep_list import create_sweep
from tests.hostile_text import ESCAPED, EVIL, leaks
from tests.made_up import made_up_run
from tests.terminal.emulator import Terminal

SCRIPT = f"""
import os, sys, threading, warnings
import torch, gradtui
warnings.simplefilter("error")
EVIL = {EVIL!a}
Evil = type("Evil", (torch.nn.Module,), {{}})
model = Evil()
setattr(model, "layer", torch.nn.Linear(2, 1))
model.register_parameter("evil\\x1b]0;evil\\x07\\u202e", torch.nn.Parameter(torch.zeros(1)))
Optimizer = type(EVIL.replace("\\0", "").replace("\\ud800", "").replace("\\udcff", ""), (torch.optim.SGD,), {{}})
optimizer = Optimizer(model.parameters(), lr=0.01)
for step in range(30):
    loss = model.layer(torch.ones(4, 2)).pow(2).mean() + 0 * sum(p.sum() for p in model.parameters())
    loss.backward()
    optimizer.step()  # \x1b]0;evil\x07\x9b31m\u202e
    gradtui.log(**{{EVIL: step, EVIL + "!": EVIL, "huge": 10 ** 400, "loss": loss}})
print(EVIL.encode("utf-8", "replace").decode())
thread = threading.Thread(target=gradtui.log, kwargs={{"from thread": 1}})
thread.start()
thread.join()
child = os.fork()
if not child:
    gradtui.log(child=1)
    os._exit(0)
os.waitpid(child, 0)
import atexit
atexit.register(gradtui.log, **{{"at exit": 1}})
raise ValueError(EVIL.replace("\\ud800", "").replace("\\udcff", ""))
"""


def run(*words: str | bytes, cwd: Path) -> tuple[int, str, str]:
    """A command's exit code and what it printed."""
    command = [sys.executable, "-m", "gradtui", *words]
    result = subprocess.run(command, capture_output=True, timeout=100, check=False, cwd=cwd)
    out, error = (part.decode("utf-8", "surrogateescape") for part in (result.stdout, result.stderr))
    return result.returncode, out, error


@pytest.mark.slow
def test_a_hostile_script_is_compared(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    code, out, error = run("compare", "train.py", EVIL.replace("\0", "").replace("\ud800", ""), cwd=tmp_path)
    assert not leaks(out + error)
    assert code == 1, error
    assert "gradtui: with_zero_grad failed: " in error
    folder = find_run("last")
    notes = folder.notes("with_zero_grad").read_text(encoding="utf-8")
    assert not leaks(notes)
    assert "gradtui.log(huge=...) got int; it takes a number that fits a float" in notes
    assert f"gradtui.log(evil{ESCAPED}" in notes
    assert ESCAPED in out
    scalars = folder.scalars_csv("with_zero_grad").read_text(encoding="utf-8")
    assert not leaks(scalars)
    assert scalars.count(f"evil{ESCAPED}") == 30
    assert [line.split(",")[1] for line in scalars.splitlines()[-2:]] == ["from thread", "at exit"]
    assert "child" not in scalars
    for words in (["list"], ["export", "last", "--csv", "-"], ["export", "last", "--svg", "run.svg"], ["stop"]):
        code, out, error = run(*words, cwd=tmp_path)
        assert not leaks(out + error), words
    assert not leaks((tmp_path / "run.svg").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["text", "json"])
def test_the_report_of_check_on_a_hostile_script(as_json: bool, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"evil\x1b]0;evil\x07\xff\xc2\x9b31m\xe2\x80\xae[red]")
    folder.mkdir()
    script = folder / "t\x1b[2J\r\u2028.py"
    script.write_text(SCRIPT.replace("raise ValueError", "#").replace("print(", "id("), encoding="utf-8")
    options = ["--json"] if as_json else []
    code, out, error = run("check", *options, os.fsencode(script), cwd=tmp_path)
    assert code == 1, error
    assert not leaks(out)
    if as_json:
        assert out.isascii()
        assert json.loads(out.splitlines()[-1])["verdict"] == "stale gradients"
    else:
        assert "stale gradients" in out
        assert r"optimizer.step()  # \x1b]0;evil\x07\x9b31m\u202e" in out


@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_folder_of_a_hostile_name_is_refused_or_told_printable(command: str, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"evil\x1b]0;evil\x07\xff\xe2\x80\xae\xc2\x85")
    folder.mkdir()
    (folder / "train.py").write_text("print(1)")
    words = {"run": ["linear", "--csv", str(folder / "no" / "a.csv")], "compare": ["train.py"]}[command]
    code, out, error = run(command, *words, cwd=folder)
    assert code == 2
    assert not leaks(out + error)
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("name", ["id", "status", "base", "optimizers", "experiment", EVIL])
def test_no_field_of_sweep_json_gets_raw_to_the_terminal(name: str, tmp_path: Path) -> None:
    folder = create_sweep({"epochs": "1"}, "SGD", "0.1", "1")
    path = folder.path / "sweep.json"
    document = json.loads(path.read_text())
    changed = document["base"] if name == "experiment" else document
    changed[name] = EVIL
    path.write_text(json.dumps(document))
    with open(folder.csv, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(f"optimizer,lr,seed,run,status,left,right\nSGD,0.1,42,a,finished,0.1,0.2\nSGD,0.1,43,{EVIL},x,0.1,0.2\n")
    _, out, error = run("sweep", "--resume", "last", "--csv", "out.csv", cwd=tmp_path)
    assert not leaks(out + error)
    exported = tmp_path / "out.csv"
    if exported.exists():
        assert not leaks(exported.read_text())


@pytest.mark.slow
def test_a_real_terminal_gets_none_of_it(tmp_path: Path) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path), arguments="'\x1b]0;evil\x07'")
    folder.notes("with_zero_grad").write_bytes(EVIL.encode("utf-8", "surrogatepass"))
    folder.log("with_zero_grad").write_bytes(EVIL.encode("utf-8", "surrogatepass"))
    folder.scalars_csv("with_zero_grad").write_bytes(f"step,name,value\n1,{EVIL},1\n".encode("utf-8", "surrogatepass"))
    (tmp_path / "train.py").write_bytes(EVIL.encode("utf-8", "surrogatepass"))
    (folder.path.parent / "z\x1b]0;evil\x07\u202e[red]").mkdir()
    with Terminal(120, 40, (sys.executable, "-m", "gradtui", "attach", folder.id)) as terminal:
        terminal.wait_for("final loss")
        terminal.press("PageDown")
        terminal.wait_for(ESCAPED)
        for _ in range(3):
            terminal.press("v")
            terminal.read(0.3)
        terminal.wait_for(ESCAPED)
        terminal.press("h")
        terminal.wait_for("saved runs", "damaged", r"z\x1b]0;evil")
        terminal.press("q", "Escape", "q")
        raw = bytes(terminal.raw)
    with Terminal(120, 40, (sys.executable, "-m", "gradtui", "list")) as terminal:
        assert terminal.exit_code() == 0
        raw += bytes(terminal.raw)
    for harm in ("]52;", "]0;evil", "\u202e", "\u200b", "\x9b31m", "\x85", "\u2028", "]8;;http"):
        assert b"\x1b" + harm.encode() not in raw
        assert harm.startswith("]") or harm.encode() not in raw
