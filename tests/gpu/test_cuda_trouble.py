"""What goes wrong on a card: one side fails by name, the other goes on, and nothing stays on the card."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gradtui.runs.folder import RunFolder
from tests.conftest import is_alive, processes_of, wait_until
from tests.gpu.card_use import processes_on, used_mb
from tests.gpu.limits import START_SECONDS, WITH_PROCESSES_SECONDS
from tests.process.misbehaviour import at_a_step, every_process_runs
from tests.process.test_run import Started

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(WITH_PROCESSES_SECONDS)]

WITH, WITHOUT = "with_zero_grad", "without_zero_grad"
STEPS = 480
FAILS_AT = 300

TOO_LARGE = "import torch; torch.empty(1 << 50, device=args[3].device)"
UNTIL_A_LIMIT = (
    "import torch; torch.cuda.set_per_process_memory_fraction(0.01); "
    "kept = [torch.empty(1 << 22, device='cuda') for _ in range(100_000)]"
)
A_STEP_TOO_LARGE = (
    "import torch; torch.cuda.set_per_process_memory_fraction(0.01); torch.cuda.empty_cache(); "
    "args = (*args[:3], args[3].repeat(20_000, 1), args[4].repeat(20_000))"
)
ASSERTED = (
    "import torch; torch.nn.functional.cross_entropy(torch.zeros(4, 10, device='cuda'), torch.full((4,), 99, device='cuda'))"
)


def other_goes_on(folder: RunFolder, tell: Callable[[str], None]) -> str:
    """Why WITHOUT failed; WITH has finished."""
    state = folder.read()
    failed, fine = state.variants[WITHOUT], state.variants[WITH]
    tell(f"{failed.status} after {failed.steps} steps: {failed.reason}")
    assert (state.status, failed.status, fine.status) == ("failed", "failed", "finished"), fine.reason
    assert fine.steps == folder.count_steps(WITH) == STEPS
    assert failed.steps == folder.count_steps(WITHOUT)
    assert "Traceback" in folder.log(WITHOUT).read_text()
    return str(failed.reason)


@pytest.mark.parametrize(
    ("does", "schedule"),
    [
        pytest.param(A_STEP_TOO_LARGE, "turns", id="a-step"),
        pytest.param(UNTIL_A_LIMIT, "parallel", id="until-a-limit"),
    ],
)
def test_out_of_memory_of_one_side(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    on_cuda: bool,
    does: str,
    schedule: str,
    tell: Callable[[str], None],
) -> None:
    if not on_cuda:
        does = TOO_LARGE
    every_process_runs(at_a_step(FAILS_AT, does), tmp_path, monkeypatch)
    run = Started(experiment="digits", epochs=20, device=device.type, schedule=schedule)
    run.wait_for_end()
    assert other_goes_on(run.folder, tell) == f"out of memory on {device}"
    assert run.folder.count_steps(WITHOUT) == FAILS_AT - 1, "a row is lost"


@pytest.mark.usefixtures("only_cuda")
def test_a_device_side_assert_of_one_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: torch.device, tell: Callable[[str], None]
) -> None:
    every_process_runs(at_a_step(FAILS_AT, ASSERTED), tmp_path, monkeypatch)
    run = Started(experiment="digits", epochs=20, device=device.type)
    run.wait_for_end()
    reason = other_goes_on(run.folder, tell)
    assert "device-side assert triggered" in reason
    assert "n_classes" in reason, "the kernel's assertion is not told"
    assert run.folder.count_steps(WITHOUT) < FAILS_AT  # the card gives no losses of that turn any more


def test_the_device_is_asked_for_by_number(device: torch.device, on_cuda: bool) -> None:
    run = Started(experiment="linear", device="cuda:99")
    run.wait_for_end()
    for variant in run.folder.read().variants.values():
        assert variant.status == "failed"
        assert "this box has" in str(variant.reason)
        assert not on_cuda or str(device) in str(variant.reason)


@pytest.mark.parametrize("victim", ["supervisor", "worker"])
def test_nothing_stays_on_the_card_after_kill_9(
    home: Path, device: torch.device, on_cuda: bool, victim: str, tell: Callable[[str], None]
) -> None:
    before = used_mb(device.index) if on_cuda else 0.0
    run = Started(experiment="digits", epochs=10_000_000, device=device.type)
    assert wait_until(lambda: min(map(run.folder.count_steps, (WITH, WITHOUT))) >= 100, seconds=START_SECONDS)
    workers = {name: run.pid(name) for name in (WITH, WITHOUT)}
    if on_cuda:
        tell(f"in use: {before:.0f} MB before, {used_mb(device.index):.0f} MB in the run, by {processes_on(device.index)}")
        assert used_mb(device.index) > before + 100
    killed = time.perf_counter()
    if victim == "supervisor":
        run.supervisor.kill()
        run.supervisor.wait()
        assert wait_until(lambda: not any(map(is_alive, workers.values())), seconds=10)
        tell(f"both workers had ended after {time.perf_counter() - killed:.2f} s")
        assert run.folder.observe().status == "lost"
    else:
        os.kill(workers[WITHOUT], signal.SIGKILL)
        assert wait_until(lambda: run.folder.read().variants[WITHOUT].status == "failed")
        assert run.folder.read().variants[WITHOUT].reason == "killed by SIGKILL"
        steps = run.folder.count_steps(WITH)
        assert wait_until(lambda: run.folder.count_steps(WITH) > steps), "the other side goes on"
        run.folder.request_stop()
        run.wait_for_end()
    assert wait_until(lambda: not processes_of(home), seconds=10)
    if on_cuda:
        assert wait_until(lambda: used_mb(device.index) < before + 50, seconds=10), f"{used_mb(device.index):.0f} MB are in use"
        left = processes_on(device.index)
        assert left is None or not set(left) & {run.supervisor.pid, *workers.values()}
