"""A user's own script as an ordinary run, with its real processes."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.processes import launch
from gradtui.runs.results.reader import read_results
from gradtui.runs.saved_runs import create_run, find_run
from gradtui.settings import RunSettings
from tests.conftest import is_alive, wait_until
from tests.process.test_cli import refusal
from tests.process.test_run import GOLDEN
from tests.training.stubs import losses_of, rows_of

ARTICLE = Path(__file__).parent.parent / "golden" / "linear_article.py"
WITH, WITHOUT = "with_zero_grad", "without_zero_grad"

MODEL = """
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
inputs, targets = torch.randn(8, 2), torch.randn(8, 1)
def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()
"""


def compare(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gradtui", "compare", *words], capture_output=True, text=True, timeout=100, check=False, cwd=cwd
    )


class Comparison:
    """A run of a script that was started as the app starts one."""

    def __init__(self, folder: Path, source: str, **given: object) -> None:
        (folder / "train.py").write_text(textwrap.dedent(source), encoding="utf-8")
        settings = RunSettings.parse({"experiment": "script", "script": "train.py", "directory": str(folder), **given})
        launch.check_can_start(settings)
        self.folder: RunFolder = create_run(settings)
        self.supervisor = launch.start_supervisor(self.folder)

    def wait_for_steps(self, count: int = 1) -> None:
        assert wait_until(lambda: min(self.steps) >= count)

    @property
    def steps(self) -> tuple[int, int]:
        return self.folder.count_steps(WITH), self.folder.count_steps(WITHOUT)

    def wait_for_end(self) -> None:
        self.supervisor.wait(timeout=60)

    @property
    def logs(self) -> list[str]:
        paths = [self.folder.log(name) for name in (WITH, WITHOUT)]
        return [path.read_text(encoding="utf-8") if path.exists() else "" for path in paths]

    @property
    def notes(self) -> str:
        return "\n".join(read_results(self.folder).notes)

    def reasons(self) -> list[str | None]:
        return [variant.reason for variant in self.folder.read().variants.values()]


def test_the_articles_losses_each_on_its_own_side(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    result = compare("--csv", str(out), str(ARTICLE), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    with open(out) as file:
        rows = list(csv.DictReader(file))
    losses = {name: [float(row["loss"]) for row in rows if row["variant"] == name] for name in (WITH, WITHOUT)}
    assert [len(values) for values in losses.values()] == [40, 40]
    assert losses[WITH][:20] == GOLDEN[WITH]
    assert losses[WITHOUT][20:] == GOLDEN[WITHOUT]
    assert "step 20  WITH loss" in result.stderr
    assert "19 of the script's 40 steps would apply old gradients again" in result.stdout
    assert "not deterministic" not in result.stdout
    folder = find_run("last")
    for name in (WITH, WITHOUT):  # the prints are the run's, and no row of its
        assert "losses_with_zero_grad: [" in folder.log(name).read_text()
    assert "Epoch" not in result.stdout


SKIPPED_BATCH = (
    MODEL
    + """
for number in range(6):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(inputs), targets) * (float("nan") if number == 2 else 1)
    loss.backward()
    if loss.isfinite():
        optimizer.step()
"""
)
MICRO_BATCH_IN_CLOSURE = """
import torch
p = torch.nn.Parameter(torch.zeros(1))
optimizer = torch.optim.SGD([p], lr=0.0)
def last():
    loss = p.sum() + 5.0
    loss.backward()
    return loss
for _ in range(3):
    (p.sum() + 2.0).backward()
    optimizer.step(last)
    optimizer.zero_grad()
"""


@pytest.mark.slow
def test_the_loss_of_a_batch_that_is_skipped_belongs_to_no_step(tmp_path: Path) -> None:
    run = Comparison(tmp_path, SKIPPED_BATCH)
    run.wait_for_end()
    losses = losses_of(run.folder.steps_csv(WITH))
    assert len(losses) == 5
    assert all(map(math.isfinite, losses))


@pytest.mark.slow
def test_a_loss_in_the_closure_counts_beside_those_before_the_step(tmp_path: Path) -> None:
    run = Comparison(tmp_path, MICRO_BATCH_IN_CLOSURE)
    run.wait_for_end()
    assert losses_of(run.folder.steps_csv(WITH)) == losses_of(run.folder.steps_csv(WITHOUT)) == [3.5] * 3


EVERYTHING = """
import argparse, os, pathlib, random, subprocess, sys
import torch
from torch.utils.data import DataLoader, TensorDataset
import gradtui
import beside

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    print("options", options.lr, options.json, options.rest, sys.argv[0], __name__, os.path.basename(__file__))
    print("read", pathlib.Path("data.txt").read_text(), os.getcwd(), sys.path[0] == os.path.dirname(__file__), beside.VALUE)
    print("environment", os.environ.get("PYTHONPATH"))
    print("umask", os.umask(0o22))
    try:
        input("name? ")
    except EOFError:
        print("end of file")
    print("child", subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    data = TensorDataset(torch.randn(32, 2), torch.full((32, 1), random.random()))
    for epoch in range(3):
        for number, (inputs, targets) in enumerate(DataLoader(data, batch_size=8, shuffle=True, num_workers=1)):
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            if number % 2:
                optimizer.step()
                optimizer.zero_grad()
                print("loss", loss.item())
        gradtui.log(accuracy=torch.exp(-loss.detach()), extra=epoch, nothing="x")
    print("to stderr", file=sys.stderr)
    sys.exit(3)

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_a_script_runs_as_it_does_under_python(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("some data")
    (tmp_path / "beside.py").write_text("VALUE = 'a neighbour'")
    (tmp_path / "train.py").write_text(EVERYTHING)
    os.umask(0o22)
    result = compare("--seed", "7", "--json", "train.py", "--lr", "0.1", "--json", "a b", "--", "-c", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    document = json.loads(result.stdout)
    assert document["status"] == "failed"
    folder = find_run("last")
    for name in (WITH, WITHOUT):
        log = folder.log(name).read_text()
        assert "options 0.1 True ['a b', '-c'] train.py __main__ train.py" in log
        assert f"read some data {tmp_path} True a neighbour" in log
        assert f"environment {os.environ.get('PYTHONPATH')}\n" in log
        assert "umask 18\n" in log  # 0o22
        assert "name? end of file" in log
        assert "child 42" in log
        assert "to stderr" in log
        assert folder.read().variants[name].reason == "the script ended with exit code 3"
        last_loss = float(printed_losses(log)[-1].split()[1])
        assert document["variants"][name]["accuracy"] == pytest.approx(math.exp(-last_loss))
        assert document["variants"][name]["steps"] == 6
        scalars = [(row["step"], row["name"]) for row in rows_of(folder.scalars_csv(name))]
        assert scalars == [(step, name) for step in ("2", "4", "6") for name in ("accuracy", "extra")]
    notes = " ".join(document["notes"])
    assert "asked for input and got end of file" in notes
    assert "gradtui.log(nothing=...) got str" in notes
    assert "deterministic" not in notes
    accuracy = next(claim for claim in document["claims"] if claim["claim"] == "accuracy is slightly higher with")
    assert accuracy["verdict"] == "cannot tell"
    assert accuracy["why"].startswith("on how many test samples is not known; WITH failed at step 6")

    # It adds up its gradients on purpose: WITH does what the script does by itself, where gradtui.log() does nothing.
    (tmp_path / "train.py").write_text("import random, torch; random.seed(7); torch.manual_seed(7)\n" + EVERYTHING)
    plain = subprocess.run(
        [sys.executable, "train.py", "--lr", "0.1"],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert plain.returncode == 3, plain.stderr
    assert printed_losses(plain.stdout) == printed_losses(folder.log(WITH).read_text()) != []
    assert printed_losses(plain.stdout) != printed_losses(folder.log(WITHOUT).read_text())


def printed_losses(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("loss ")]


GAN_LIKE = """
import os, numpy, torch
drawn = os.urandom(8)  # what no seed decides
one, other = (torch.nn.Parameter(torch.tensor(float(drawn[0]) + 1)) for _ in range(2))
print(numpy.random.rand(), torch.rand(1).item(), {"a", "b", "c", "d", "e"})
optimizers = [torch.optim.SGD([each], lr=0.001) for each in (one, other)]
for step in range(30):
    for optimizer in optimizers:
        for each in (one, other):
            each.grad = None
        (one * other).backward()
        optimizer.step()
raise ValueError("the first line\\nof two")
"""


@pytest.mark.slow
def test_what_must_be_known_is_told_and_an_exception_is_the_users_own(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    run = Comparison(tmp_path, GAN_LIKE)
    run.wait_for_end()
    results = read_results(run.folder)
    assert (results.state.status, run.reasons()) == ("failed", ["ValueError: the first line"] * 2)
    assert "the script is not deterministic" in run.notes
    assert "by other means than zero_grad()" in run.notes
    assert "apply old gradients" not in run.notes
    for log in run.logs:
        assert log[log.index("Traceback") :].splitlines()[1] == f'  File "{tmp_path}/train.py", line 13, in <module>'
    seeded = [log.splitlines()[0] for log in run.logs]
    assert seeded[0] == seeded[1]
    assert [row["optimizer"] for row in rows_of(run.folder.steps_csv(WITH))] == ["1", "2"] * 30
    verdicts = {claim.claim: (claim.verdict, claim.why) for claim in results.claims}
    assert verdicts["training converges faster with"] == ("cannot tell", "the losses of 2 optimizers stand in one curve")
    assert verdicts["training may diverge without"][0] == "cannot tell"
    assert "not deterministic" in verdicts["training may diverge without"][1]


@pytest.mark.slow
def test_a_run_of_a_script_is_paused_stepped_and_stopped_like_any_other(tmp_path: Path) -> None:
    run = Comparison(
        tmp_path,
        MODEL + "try:\n    while True: step()\nfinally:\n    print('left in order')\n",
    )
    run.wait_for_steps(20)
    run.folder.request_pause()
    assert wait_until(lambda: run.folder.read().status == "paused")
    assert wait_until(lambda: _rests(run))
    held = run.steps
    run.folder.request_step()
    assert wait_until(lambda: run.steps == (held[0] + 1, held[1] + 1))
    run.folder.request_resume()
    run.wait_for_steps(max(held) + 20)
    began = time.monotonic()
    run.folder.request_stop()
    run.wait_for_end()
    assert time.monotonic() - began < 8
    state = run.folder.read()
    assert state.status == "stopped"
    assert [variant.steps for variant in state.variants.values()] == list(run.steps)
    for log in run.logs:
        assert log.endswith("left in order\n")
        assert "Traceback" not in log


def _rests(run: Comparison) -> bool:
    before = run.steps
    return not wait_until(lambda: run.steps != before, seconds=0.25)


@pytest.mark.slow
def test_a_script_that_never_steps_and_ignores_everything_is_stopped_too(tmp_path: Path) -> None:
    source = """
        import time, torch
        from torch.utils.data import DataLoader
        batches = iter(DataLoader(torch.zeros(8), num_workers=1))
        next(batches)
        print("there", flush=True)
        while True:
            try:
                time.sleep(100)
            except KeyboardInterrupt:
                print("no")
    """
    run = Comparison(tmp_path, source, schedule="parallel")
    assert wait_until(lambda: all("there" in log for log in run.logs))
    run.folder.request_stop()
    run.wait_for_end()
    assert run.folder.read().status == "stopped"
    assert all("no" in log for log in run.logs)


@pytest.mark.slow
def test_a_stop_in_a_long_evaluation_is_as_ctrl_c(tmp_path: Path) -> None:
    run = Comparison(tmp_path, MODEL + "import time\nfor _ in range(3): step()\nprint('long', flush=True)\ntime.sleep(1000)\n")
    # The rows are there though no further step comes, and the other side waits for its turn.
    assert wait_until(lambda: max(run.steps) == 3)
    at_it = run.steps.index(3)
    began = time.monotonic()
    run.folder.request_stop()
    run.wait_for_end()
    assert time.monotonic() - began < 5
    state = run.folder.read()
    assert state.status == "stopped"
    assert list(state.variants.values())[at_it].steps == 3
    assert "KeyboardInterrupt" in run.logs[at_it]


def test_scripts_that_do_not_train(tmp_path: Path) -> None:
    run = Comparison(tmp_path, "print('only this')")
    run.wait_for_end()
    assert run.folder.read().status == "finished"
    assert "took no step" in run.notes
    assert run.steps == (0, 0)
    assert run.logs == ["only this\n"] * 2


def test_a_missing_script_and_a_wrong_option_are_refused_in_one_line(tmp_path: Path) -> None:
    assert "there.py" in refusal("compare", str(tmp_path / "there.py"))
    assert "SCRIPT" in refusal("compare")
    assert "steps" in refusal("compare", "--steps", "-1", __file__)
    assert "--lr" in refusal("compare", "--lr", "1", __file__)
    assert "script has no such setting" in refusal("run", "script", "--script", __file__, "--lr", "1")
    assert "script" in refusal("run", "script")


@pytest.mark.slow
def test_a_limit_ends_the_script_and_its_files_are_written(tmp_path: Path) -> None:
    source = (
        MODEL + "file = open('out.txt', 'a')\nfile.write('kept')\n"
        "import atexit\natexit.register(print, 'atexit')\nwhile True: step()\n"
    )
    run = Comparison(tmp_path, source, steps=50)
    run.wait_for_end()
    assert (run.folder.read().status, run.steps) == ("finished", (50, 50))
    assert (tmp_path / "out.txt").read_text() == "keptkept"  # by both sides, though nobody closed it
    assert all("atexit" in log for log in run.logs)
    assert losses_of(run.folder.steps_csv(WITH)) != losses_of(run.folder.steps_csv(WITHOUT))


@pytest.mark.slow
def test_a_process_that_the_script_forks_trains_for_itself(tmp_path: Path) -> None:
    source = """
        import os, sys
        for _ in range(2): step()
        child = os.fork()
        for _ in range(2 if child else 40): step()
        if child: os.waitpid(child, 0)
        print("parent" if child else "child", flush=True)
    """
    run = Comparison(tmp_path, MODEL + textwrap.dedent(source))
    run.wait_for_end()
    assert (run.folder.read().status, run.steps) == ("finished", (4, 4))
    assert all(sorted(log.split()) == ["child", "parent"] for log in run.logs)


@pytest.mark.slow
def test_no_script_outlives_its_supervisor(tmp_path: Path) -> None:
    run = Comparison(tmp_path, MODEL + "while True: step()\n")
    run.wait_for_steps(5)
    workers = [variant.pid or 0 for variant in run.folder.read().variants.values()]
    run.supervisor.kill()
    run.supervisor.wait()
    assert wait_until(lambda: not any(map(is_alive, workers)), seconds=4)
