"""``with gradtui.watch() as w:`` in a session that was there before it and goes on after it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gradtui
from tests.check.forks import Forks

HEAD = """\
import gc, sys, threading, weakref
import torch
from torch import nn
import gradtui
def made():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    return model, torch.optim.SGD(model.parameters(), lr=0.001)
model, optimizer = made()
def train(steps=8, clears=True):
    for _ in range(steps):
        if clears:
            optimizer.zero_grad()
        model(torch.ones(2, 3)).pow(2).sum().backward()
        optimizer.step()
"""
STALE = "stale gradients"


def run(forks: Forks, source: str, errors: str = "") -> str:
    """Run this after HEAD, with nobody else watching, and return what it prints."""
    done = forks.run(["script.py"], {"script.py": HEAD + source}, way="python")
    assert done.code == 0, done.err
    assert done.err == errors
    return done.out


# Results


def test_results_of_a_clean_and_a_stale_loop(forks: Forks) -> None:
    source = """
with gradtui.watch(quiet=True) as w:
    train()
assert (w.verdict, w.findings, w.notes) == ("clean", [], [])
w.assert_clean()
with gradtui.watch(quiet=True) as w:
    train(clears=False)
(finding,) = w.findings
assert (w.verdict, finding.kind, str(finding.where)) == ("stale gradients", "stale gradients", "script.py:14")
assert "call optimizer.zero_grad() once per step" in finding.fix
assert w.report().startswith("gradtui check: stale gradients  (8 optimizer steps)")
w.assert_clean(ignore=["stale gradients"])
try:
    w.assert_clean(ignore=["loss not finite"])
except AssertionError as error:
    assert str(error) == w.report()
else:
    raise SystemExit("not raised")
"""
    assert run(forks, source) == ""


def test_report_is_printed_unless_quiet(forks: Forks) -> None:
    printed = run(forks, "with gradtui.watch() as w:\n    train(clears=False)\nassert w.verdict == 'stale gradients'\n")
    assert printed.startswith("\ngradtui check: stale gradients  (8 optimizer steps)\n")
    assert "step       script.py:14  optimizer.step()\n" in printed


def test_asking_for_a_result_ends_the_watching(forks: Forks) -> None:
    source = (
        "with gradtui.watch(quiet=True) as w:\n    train()\n    w.assert_clean()\n    train(clears=False)\nw.assert_clean()\n"
    )
    run(forks, source)


def test_nothing_that_steps_is_not_clean(forks: Forks) -> None:
    source = """
with gradtui.watch(quiet=True) as w:
    pass
assert w.verdict == "no steps"
w.assert_clean(ignore=["no steps"])
try:
    w.assert_clean()
except AssertionError as error:
    assert "no optimizer of torch.optim stepped" in str(error)
else:
    raise SystemExit("not raised")
"""
    run(forks, source)


def test_wrong_use_is_told() -> None:
    watch = gradtui.watch(quiet=True)
    with pytest.raises(RuntimeError, match="has not begun"):
        watch.report()
    with watch, pytest.raises(RuntimeError, match="already begun"):
        watch.start()
    for wrong in (["stale"], "stale gradients"):
        with pytest.raises(ValueError, match="it takes a list of: stale gradients, "):
            watch.assert_clean(ignore=wrong)


# In mid-session


@pytest.mark.parametrize(("clears", "verdict"), [(True, "clean"), (False, STALE)])
@pytest.mark.parametrize("before", [0, 3, 60])
def test_watch_begins_after_any_number_of_steps(forks: Forks, before: int, clears: bool, verdict: str) -> None:
    run(
        forks,
        f"train({before}, {clears})\nwith gradtui.watch(quiet=True) as w:\n    train(8, {clears})\n"
        f"assert w.verdict == {verdict!r}, w.report()\nassert '8 optimizer steps' in w.report()\n",
    )


def test_step_on_gradients_from_before_the_watch_is_innocent(forks: Forks) -> None:
    source = (
        "model(torch.ones(2, 3)).sum().backward()\nwith gradtui.watch(quiet=True) as w:\n    optimizer.step()\n    train()\n"
    )
    run(forks, source + "assert w.verdict == 'clean', w.report()\n")


def test_existing_parameters_are_named_and_orphans_among_them_found(forks: Forks) -> None:
    source = """
head = nn.Linear(1, 1)
with gradtui.watch(quiet=True) as w:
    for _ in range(4):
        optimizer.zero_grad()
        head(model(torch.ones(2, 3))).sum().backward()
        optimizer.step()
(finding,) = w.findings
assert finding.kind == "parameters in no optimizer"
assert "2 parameters of Linear get gradients but belong to no optimizer: weight, bias" in finding.message
"""
    run(forks, source)


def test_old_models_with_gradients_are_let_be(forks: Forks) -> None:
    source = """
train()
old, model = model, nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
with gradtui.watch(quiet=True) as w:
    train()
assert w.verdict == "clean", w.report()
"""
    run(forks, source)


# Several watches


def test_nested_and_repeated_watches_see_what_runs_inside_them(forks: Forks) -> None:
    source = """
with gradtui.watch(quiet=True) as outer:
    train(5, clears=False)
    with gradtui.watch(quiet=True) as inner:
        train(60)
    with gradtui.watch(quiet=True) as again:
        train(7, clears=False)
assert [w.verdict for w in (outer, inner, again)] == ["stale gradients", "clean", "stale gradients"]
assert ["72 optimizer" in outer.report(), "60 optimizer" in inner.report(), "7 optimizer" in again.report()] == [True] * 3
with outer:
    train(2)
assert (outer.verdict, "2 optimizer steps" in outer.report()) == ("clean", True)
"""
    run(forks, source)


def test_watch_inside_a_checked_script(forks: Forks) -> None:
    source = HEAD + "with gradtui.watch(quiet=True) as w:\n    train()\nassert w.verdict == 'clean'\ntrain(clears=False)\n"
    report = forks.check(source).report
    assert (report["verdict"], report["steps"], report["script_exit_code"]) == (STALE, 16, 0)


def test_steps_of_other_threads_are_watched(forks: Forks) -> None:
    source = """
with gradtui.watch(quiet=True) as w:
    thread = threading.Thread(target=train, args=(8, False))
    thread.start()
    thread.join()
assert w.verdict == "stale gradients"
def watched():
    with gradtui.watch(quiet=True) as mine:
        train()
    verdicts.append(mine.verdict)
verdicts = []
for _ in range(3):
    thread = threading.Thread(target=watched)
    thread.start()
    thread.join()
assert verdicts == ["clean"] * 3
"""
    run(forks, source)


def test_watch_ends_while_another_thread_is_inside_one_of_its_hooks(forks: Forks) -> None:
    source = """
import time
from gradtui.check.torch.parameters import Parameters
from gradtui.check.watch.guard import guarded
def slow(self, module, name, submodule):
    inside.set()
    time.sleep(0.3)
def work():
    try:
        nn.Sequential(nn.Linear(1, 1))
    except RuntimeError as error:
        errors.append(error)
Parameters.on_module = guarded(slow)
inside, errors = threading.Event(), []
thread = threading.Thread(target=work)
with gradtui.watch(quiet=True):
    nn.modules.module.register_module_module_registration_hook(lambda *_: None)  # torch goes on to this one
    thread.start()
    inside.wait(30)
thread.join()
assert not errors, errors
"""
    run(forks, source)


# Errors


def test_error_inside_propagates_and_the_report_says_so(forks: Forks) -> None:
    source = """
try:
    with gradtui.watch() as w:
        train(clears=False)
        raise KeyError("boom")
except KeyError:
    pass
else:
    raise SystemExit("not raised")
assert w.verdict == "stale gradients"
"""
    assert run(forks, source).endswith("\n  ended by KeyError: 'boom'\n")


def test_a_watcher_that_fails_does_not_fail_the_loop(forks: Forks) -> None:
    source = """
from gradtui.check.watch.watcher import Watcher
def fails(self):
    raise OSError("our own")
for name in ("start", "meet_existing", "facts", "stop"):
    kept = getattr(Watcher, name)
    setattr(Watcher, name, fails)
    with gradtui.watch(quiet=True) as w:
        train(clears=False)
    setattr(Watcher, name, kept)
    assert w.verdict == "not watched" or name in ("meet_existing", "stop"), (name, w.report())
    assert "our own" in w.report(), w.report()
"""
    run(forks, source)


# Without torch


def test_watch_without_torch() -> None:
    source = "import sys, gradtui\nbefore = list(sys.meta_path)\nwith gradtui.watch() as w: pass\n"
    source += "assert sys.meta_path == before\nassert 'torch' not in sys.modules\nprint(w.verdict)\n"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "\ngradtui check: no steps: the script did not import torch\nno steps\n"


IMPORTS = """
import sys, gradtui
assert "torch" not in sys.modules
with gradtui.watch(quiet=True) as w:
    import torch
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], lr=0.1)
    for _ in range(3):
        p.sum().backward()
        optimizer.step()
assert w.verdict == "stale gradients", w.report()
"""


@pytest.mark.slow
def test_watch_begins_with_an_import_of_torch_inside_it() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
