"""What the timing probe measures, and with which clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradtui.policies import POLICIES, Policy, TrainStep
from gradtui.runs.columns import TIMING
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.thresholds import FEWEST_BLOCKS
from gradtui.runs.results.time_verdict import PROCESS, THREAD, WALL, WorkerTimes, worker_times
from gradtui.runs.tail import CsvTail
from gradtui.settings import RunSettings
from gradtui.training import timing_probe
from gradtui.training.journal import Journal
from gradtui.training.preparation import Autocast, prepare
from tests.training.stubs import EndlessTurn, rows_of


@pytest.fixture
def threads() -> Iterator[None]:
    """Give torch its number of threads back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def probed(path: Path, **given: object) -> WorkerTimes:
    """Run the probe in this process."""
    where = torch.device("cpu")
    training = prepare(RunSettings.parse(given), 0, where)
    with Journal(RunFolder(path), "side", where, EndlessTurn()) as journal:
        timing_probe.probe_times(training, journal)
    return worker_times(CsvTail(RunFolder(path).timing_csv("side"), TIMING.columns).read())


class MadeUpClock:
    """CPU time as some policies spend it; a step's computation takes no time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def spend(self, policy: Policy, seconds: float) -> Policy:
        """A policy whose step takes this much CPU time."""

        def make(k: int) -> TrainStep:
            step = policy.make(k)

            def train_step(
                model: nn.Module, loss_fn: nn.Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor
            ) -> Tensor:
                self.seconds += seconds
                return step(model, loss_fn, optimizer, inputs, targets)

            return train_step

        return replace(policy, make=make)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("right", "ratio"), [("never", 0.004 / 0.003), ("accumulate", 4 * 0.004 / 0.003)], ids=["a batch", "four batches"]
)
def test_steps_take_the_cpu_time_of_the_training_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, ratio: float
) -> None:
    """Per batch: the right side's step takes 3 ms, also if it is over four batches."""
    clock = MadeUpClock()
    monkeypatch.setattr("time.thread_time", lambda: clock.seconds)
    for name, seconds in (("every_step", 0.004), (right, 0.003)):
        monkeypatch.setitem(POLICIES, name, clock.spend(POLICIES[name], seconds))
    monkeypatch.setattr(timing_probe, "BLOCKS", (FEWEST_BLOCKS, FEWEST_BLOCKS))
    torch.set_num_threads(1)
    times = probed(tmp_path, experiment="digits", right=right)
    assert times.ratios == pytest.approx([ratio] * FEWEST_BLOCKS)


@pytest.mark.usefixtures("threads")
def test_the_clock_and_the_load_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_probe, "BLOCKS", (FEWEST_BLOCKS, FEWEST_BLOCKS))
    monkeypatch.setattr(timing_probe, "SLICE_SECONDS", 0.001)
    monkeypatch.setattr("os.getloadavg", lambda: (9.0, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    torch.set_num_threads(1)
    times = probed(tmp_path)
    assert (times.clock, times.load) == (THREAD, 1.5)
    rows = rows_of(RunFolder(tmp_path).timing_csv("side"))
    assert [row["side"] for row in rows] == ["0", "1", "1", "0", "1", "0", "0", "1"] * (FEWEST_BLOCKS // 2)
    assert {row["clock"] for row in rows} == {"1"}


@pytest.mark.usefixtures("threads")
def test_the_clock_is_that_of_whatever_computes() -> None:
    torch.set_num_threads(1)
    assert timing_probe.clock_for(torch.device("cpu")).number == THREAD
    torch.set_num_threads(3)
    clock = timing_probe.clock_for(torch.device("cpu"))
    assert (clock.number, clock.threads) == (PROCESS, 3)
    assert [timing_probe.clock_for(torch.device(name)).number for name in ("cuda", "mps")] == [WALL, WALL]


def test_a_long_probe_ends_after_its_fewest_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_probe, "SLICE_SECONDS", 0.001)
    monkeypatch.setattr(timing_probe, "LONGEST_SECONDS", 0.0)
    assert len(probed(tmp_path).ratios) == timing_probe.BLOCKS[0] >= FEWEST_BLOCKS


def test_the_scratch_model_computes_in_the_run_s_precision() -> None:
    where = torch.device("cpu")
    for precision, is_autocast in (("float32", False), ("bfloat16", True)):
        training = prepare(RunSettings.parse({"experiment": "digits", "precision": precision}), 0, where)
        steps = timing_probe.ScratchSteps(training, timing_probe.clock_for(where))
        assert isinstance(steps._model, Autocast) is is_autocast


def test_a_system_that_does_not_tell_its_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr("os.getloadavg", unknown)
    assert timing_probe.load_per_core() is None
