"""A GPU that fails: the side fails with the line that tells, whatever torch, CUDA and the teardown say after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtui.runs.processes import launch
from tests.process.misbehaviour import at_a_step, every_process_runs
from tests.process.test_compare import MODEL, Comparison
from tests.process.test_run import Started

TAIL = (
    "\\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect."
    "\\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
    "\\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\\n"
)
ASSERTION = (
    "Loss.cu:245: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], thread: [5,0,0] "
    "Assertion `t >= 0 && t < n_classes` failed.\\n"
)
RAISES = "(lambda *args: (_ for _ in ()).throw(torch.AcceleratorError('CUDA error: %s" + TAIL + "')))"

ASSERTED = (
    f"import atexit, os, torch, gradtui.training.journal as journal; os.write(2, b'{ASSERTION}'); atexit.register(os.abort); "
    f"journal.memory = torch.stack = {RAISES % 'unspecified launch failure'}; {RAISES % 'device-side assert triggered'}()"
)
SCRIPT = f"""
{MODEL}
import os
import gradtui.compare.script_journal as rows
step()
os.write(2, b"{ASSERTION}")
rows.memory = {RAISES % "unspecified launch failure"}
{RAISES % "device-side assert triggered"}()
"""
BUSY = "CUDA-capable device(s) is/are busy or unavailable"
BUSY_WORKERS = f"""
    import sys
    if "gradtui.training.worker" in sys.orig_argv:
        import torch
        import gradtui.training.torch_devices as devices
        devices.found = {RAISES % BUSY}
"""
BUSY_SEARCH = f"""
    import sys
    if "gradtui.training.torch_devices" in sys.orig_argv:
        import torch
        torch.cuda.is_available = {RAISES % BUSY}
"""


@pytest.mark.slow
def test_the_first_error_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the GPU then gives no losses and no memory any more, and the end of the process is an abort."""
    every_process_runs(at_a_step(200, ASSERTED), tmp_path, monkeypatch)
    run = Started(epochs=400)
    run.wait_for_end()
    failed, fine = (run.folder.read().variants[name] for name in ("without_zero_grad", "with_zero_grad"))
    assert (failed.status, fine.status) == ("failed", "finished")
    assert failed.reason == (
        "torch.AcceleratorError: CUDA error: device-side assert triggered: "
        "`t >= 0 && t < n_classes` failed in nll_loss_forward_reduce_cuda_kernel_2d"
    )


@pytest.mark.slow
def test_the_first_error_of_a_script_is_the_reason(tmp_path: Path) -> None:
    run = Comparison(tmp_path, SCRIPT)
    run.wait_for_end()
    expected = "torch.AcceleratorError: CUDA error: device-side assert triggered: `t >= 0 && t < n_classes` failed in nll_loss"
    for reason in run.reasons():
        assert str(reason).startswith(expected)
    assert run.steps == (1, 1)


@pytest.mark.slow
def test_a_gpu_for_one_process_alone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(BUSY_WORKERS, tmp_path, monkeypatch)
    run = Started(epochs=400)
    run.wait_for_end()
    for variant in run.folder.read().variants.values():
        assert (variant.status, BUSY in str(variant.reason)) == ("failed", True)
        assert "nvidia-smi -c DEFAULT" in str(variant.reason)


@pytest.mark.slow
def test_the_search_for_devices_says_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(BUSY_SEARCH, tmp_path, monkeypatch)
    with pytest.raises(launch.DeviceSearchFailed, match=r"torch cannot be used here: .*busy or unavailable; .*exclusive"):
        launch.find_devices()
