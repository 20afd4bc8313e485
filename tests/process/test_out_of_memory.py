"""A variant whose memory does not suffice fails by name; the other goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradtui.training.torch_devices import is_out_of_memory
from tests.process.misbehaviour import at_a_step, every_process_runs
from tests.process.test_run import Started

MORE_THAN_THERE_IS = "import torch; torch.empty(1 << 50)"
UNTIL_A_LIMIT = (
    "import resource, torch; resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)); "
    "[torch.empty(1 << 24) for _ in range(1000)]"
)
THE_GPUS = "import torch; raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 GiB.\\n(more)')"


@pytest.mark.parametrize(
    ("does", "device"),
    [
        pytest.param(MORE_THAN_THERE_IS, "cpu", id="cpu", marks=pytest.mark.slow),
        pytest.param(UNTIL_A_LIMIT, "cpu", id="limit", marks=pytest.mark.slow),
        pytest.param("raise MemoryError", "cpu", id="python", marks=pytest.mark.slow),
        pytest.param(THE_GPUS, "cpu", id="simulated", marks=pytest.mark.slow),
        pytest.param(
            "import torch; torch.empty(1 << 50, device='cuda')",
            "cuda:0",
            id="cuda",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="out of memory on a GPU: there is no GPU here"),
            ],
        ),
    ],
)
def test_the_variant_fails_in_one_clear_line_and_the_other_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, device: str
) -> None:
    every_process_runs(at_a_step(1500, does), tmp_path, monkeypatch)
    run = Started(epochs=3000, device=device)
    run.wait_for_end()
    state = run.folder.read()
    failed, fine = state.variants["without_zero_grad"], state.variants["with_zero_grad"]
    assert (state.status, failed.status, failed.reason) == ("failed", "failed", f"out of memory on {device}")
    assert failed.steps == run.folder.count_steps("without_zero_grad") == 1499
    assert (fine.status, fine.steps) == ("finished", 3000)
    assert "Traceback" in run.folder.log("without_zero_grad").read_text()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_torch_says_is_understood(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
