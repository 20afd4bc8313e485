"""A user's script that trains on a card: compared, and checked."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tests.gpu.limits import WITH_PROCESSES_SECONDS
from tests.process.test_compare import WITH, WITHOUT, Comparison
from tests.training.stubs import losses_of, rows_of

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(WITH_PROCESSES_SECONDS)]

SCRIPT = """
import os, time, torch
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
torch.manual_seed(1)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True, warn_only=True)
device = torch.device({device!r})
model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
inputs, targets = torch.randn(256, 64).to(device), torch.randint(10, (256,)).to(device)
losses = []
def step():
    {clear}
    loss = torch.nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    losses.append(loss.detach())
def wait():
    if device.type == "cuda":
        torch.cuda.synchronize()
"""
TRAINS = """
for _ in range(300):
    step()
print("losses", [loss.item() for loss in losses])
"""
TIMES = """
rounds = []
for _ in range(5):
    wait()
    began = time.perf_counter()
    for _ in range(300):
        step()
    wait()
    rounds.append((time.perf_counter() - began) / 300)
print("microseconds", 1e6 * sorted(rounds)[2])
"""
WAITS = """
for _ in range(1500):
    step()
import warnings
torch.cuda.set_sync_debug_mode("warn")
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    for _ in range(100):
        step()
torch.cuda.set_sync_debug_mode("default")
print("waited", sum("synchroniz" in str(one.message) for one in seen))
"""


def source(device: torch.device, ending: str, clear: str = "optimizer.zero_grad()") -> str:
    return SCRIPT.format(device=str(device), clear=clear) + textwrap.dedent(ending)


def python(folder: Path, text: str, *words: str, name: str = "alone.py") -> subprocess.CompletedProcess[str]:
    """Run a script with python, or with the words that stand before it."""
    (folder / name).write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, *words, name],
        capture_output=True,
        text=True,
        timeout=WITH_PROCESSES_SECONDS,
        check=False,
        cwd=folder,
    )


def told(output: str, word: str) -> str:
    line = next((line for line in output.splitlines() if line.startswith(f"{word} ")), None)
    assert line is not None, output
    return line.removeprefix(f"{word} ")


CHECK = ("-m", "gradtui", "check")


def test_compare_records_what_the_script_does(tmp_path: Path, device: torch.device, tell: Callable[[str], None]) -> None:
    """WITH is the script under python; WITHOUT is the script without its zero_grad()."""
    run = Comparison(tmp_path, source(device, TRAINS))
    with ThreadPoolExecutor(2) as both:
        scripts = [
            both.submit(python, tmp_path, source(device, TRAINS, clear), name=f"{name}.py")
            for name, clear in ((WITH, "optimizer.zero_grad()"), (WITHOUT, "pass"))
        ]
    run.wait_for_end()
    state = run.folder.read()
    assert state.status == "finished", run.reasons()
    assert state.device == str(device)
    for name, script in zip((WITH, WITHOUT), scripts, strict=True):
        result = script.result()
        assert result.returncode == 0, result.stderr
        alone = told(result.stdout, "losses")
        assert repr(losses_of(run.folder.steps_csv(name))) == alone
        seconds = [float(row["seconds"]) for row in rows_of(run.folder.steps_csv(name))]
        variant = state.variants[name]
        tell(f"{name}: {1e6 * sorted(seconds)[150]:.0f} us a step (median), peak {variant.peak_memory_mb} MB")
        assert min(seconds) > 0
    assert state.device_name


@pytest.mark.usefixtures("only_cuda")
def test_compare_waits_for_the_card_only_at_the_end_of_a_turn(
    tmp_path: Path, device: torch.device, tell: Callable[[str], None]
) -> None:
    run = Comparison(tmp_path, source(device, WAITS))
    run.wait_for_end()
    assert run.folder.read().status == "finished", run.reasons()
    for name, log in zip((WITH, WITHOUT), run.logs, strict=True):
        waited = int(told(log, "waited"))
        tell(f"{name}: {waited} waits in 100 steps")
        assert waited <= 60


@pytest.mark.usefixtures("only_cuda")
def test_check_does_not_wait_for_the_card_at_every_step(
    tmp_path: Path, device: torch.device, tell: Callable[[str], None]
) -> None:
    result = python(tmp_path, source(device, WAITS), *CHECK)
    waited = int(told(result.stdout, "waited"))
    tell(f"{waited} waits in 100 steps, of four parameters")
    assert waited <= 100


def test_check_finds_what_is_missing_on_a_card(tmp_path: Path, device: torch.device) -> None:
    wrong = python(tmp_path, source(device, TRAINS, "pass"), *CHECK)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "zero_grad" in wrong.stdout + wrong.stderr


def test_check_finds_nothing_in_a_right_loop_and_changes_no_loss(tmp_path: Path, device: torch.device) -> None:
    text = source(device, TRAINS)
    with ThreadPoolExecutor(2) as both:
        checked, plain = both.submit(python, tmp_path, text, *CHECK), both.submit(python, tmp_path, text, name="plain.py")
        right, alone = checked.result(), plain.result()
    assert right.returncode == 0, right.stdout + right.stderr
    assert told(right.stdout, "losses") == told(alone.stdout, "losses")


def test_what_check_costs(tmp_path: Path, device: torch.device, tell: Callable[[str], None]) -> None:
    plain, watched = (
        float(told(python(tmp_path, source(device, TIMES), *words).stdout, "microseconds")) for words in ((), CHECK)
    )
    tell(f"{plain:.1f} us a step alone, {watched:.1f} us under check: {watched / plain:.3f}")
    assert watched < 3 * plain
