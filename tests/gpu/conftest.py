"""The tests of the CUDA paths: all of them skip, by name, on a machine without a CUDA GPU.

``GRADTUI_TEST_DEVICE=cpu`` runs what makes sense on a CPU, so that time on a card is not spent on mending tests. They may
be cut off at any time, so each says how it went as soon as it has ended, and none depends on another. After
``GRADTUI_TEST_SECONDS`` (on a card 170) the rest is skipped as not reached.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator

import pytest
import torch

from tests.gpu.limits import NAME, PATIENCE

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as in a worker; cuBLAS reads it when it starts

BUDGET_SECONDS = float(os.environ.get("GRADTUI_TEST_SECONDS") or 170 * PATIENCE)
LAST_LINES = 15
"""How many lines of a failure to show at once; pytest shows all of it at the end."""

_told = pytest.StashKey[list[str]]()
_began: list[float] = []


@pytest.fixture(autouse=True)
def _reachable() -> None:
    """Skip what cannot run here, and what there is no time for."""
    if NAME != "cpu" and not torch.cuda.is_available():
        pytest.skip("no CUDA GPU")
    _began.append(time.monotonic())
    if time.monotonic() - _began[0] > BUDGET_SECONDS:
        pytest.skip(f"not reached: {BUDGET_SECONDS:g} s are over")


@pytest.fixture
def device(_reachable: None) -> torch.device:
    return torch.device("cuda:0" if NAME == "cuda" else NAME)


@pytest.fixture
def on_cuda(device: torch.device) -> bool:
    """Whether this is the real thing, not the rehearsal on a CPU."""
    return device.type == "cuda"


@pytest.fixture
def only_cuda(device: torch.device) -> None:
    if device.type != "cuda":
        pytest.skip("only a CUDA GPU has this")


@pytest.fixture
def deterministic(device: torch.device) -> Iterator[None]:
    """torch set up as a worker sets it up on this device."""
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(device.type == "cuda", warn_only=True)
    yield
    torch.use_deterministic_algorithms(before)
    torch.set_num_threads(threads)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say a figure: it is shown as soon as the test has ended."""
    told: list[str] = request.node.stash.setdefault(_told, [])
    return told.append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    terminal = item.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and item.get_closest_marker("gpu") and (report.when == "call" or report.outcome != "passed"):
        terminal.ensure_newline()
        why = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        terminal.write_line(f"{report.outcome} {item.name} ({report.when}, {report.duration:.1f} s) {why}".rstrip())
        for line in item.stash.get(_told, []):
            terminal.write_line(f"    {line}")
        if report.failed:
            terminal.write_line("\n".join(f"    | {line}" for line in report.longreprtext.splitlines()[-LAST_LINES:]))
        terminal.flush()
    return report
