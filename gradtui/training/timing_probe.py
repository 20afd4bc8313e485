"""The timing probe: measures each policy's step time so that the difference is reliable.

Two processes that do identical work differ by a few percent for their whole lifetime, so times of the training itself
cannot be compared. Here one process alternates between both policies, in short slices in the order ABBA BAAB, on one
scratch copy of the model with a learning rate of 0: the same memory, weights and batch. Both workers do this, and their
measurements are compared worker by worker.

On a CPU the clock is the CPU time of what computes, which other processes hardly change. On a GPU it is the wall clock: the
process's CPU time says nothing of the GPU's work.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from gradtui.policies import POLICIES, TrainStep
from gradtui.runs.results.time_verdict import PROCESS, THREAD, WALL
from gradtui.training import experiments
from gradtui.training.batches import as_inputs
from gradtui.training.journal import Journal
from gradtui.training.preparation import Training, make_optimizer, optimizer_options, placed
from gradtui.training.torch_devices import synchronize

ORDER = (0, 1, 1, 0)
"""The sides of a block's slices: ABBA. Every other block has BAAB."""
SLICE_SECONDS = 0.015
BLOCKS = (6, 40)
"""Minimum and maximum number of blocks of four slices. Fewer tell nothing (``thresholds.FEWEST_BLOCKS``)."""
BUDGET_SECONDS = 2.5
"""On the probe's clock; enough for all blocks unless a step is longer than a slice."""
LONGEST_SECONDS = 8.0
"""On the wall clock, not counting the other worker's turns: under load, where a CPU second takes several seconds, the probe
makes do with fewer blocks."""


@dataclass(frozen=True)
class Clock:
    """``number`` is its value in the column `clock`; ``threads`` is how many seconds it may count per second."""

    number: int
    read: Callable[[], float]
    threads: int = 1


def clock_for(device: torch.device) -> Clock:
    """The clock that other processes disturb least."""
    if device.type != "cpu":
        return Clock(WALL, time.perf_counter)
    threads = torch.get_num_threads()
    if threads == 1:  # backward() runs on the thread that called it, so that thread does all the work
        return Clock(THREAD, time.thread_time)
    return Clock(PROCESS, time.process_time, threads)


def load_per_core() -> float | None:
    """The load average over the last minute per core of this machine; None if the system does not tell."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return None


class ScratchSteps:
    """Takes steps of both policies in turns, on one scratch model, and times them."""

    def __init__(self, training: Training, clock: Clock) -> None:
        settings = self._settings = training.settings
        self._device, self._clock = training.device, clock
        experiment = experiments.load(settings.experiment)
        self._model = placed(experiment.model(settings), settings, self._device)
        self._loss_fn = training.loss_fn
        self._optimizer = make_optimizer(settings, 0, list(experiment.optimized(self._model, settings)))
        samples = [settings.step_samples(side) for side in (0, 1)]
        self.batches = [each // settings.batch_size for each in samples]
        """Batches per step, by side."""
        self._data = [self._samples(training, each) for each in samples]
        self._steps: list[TrainStep] = [POLICIES[name].make(settings.k or 1) for name in settings.policies]

    def _samples(self, training: Training, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        train = training.data.train
        return as_inputs(train.inputs[:samples].to(self._device)), train.targets[:samples].to(self._device)

    def time(self, side: int, count: int) -> float:
        """Time ``count`` steps, in seconds, after an untimed one that puts the gradients into the policy's state."""
        train_step, (inputs, targets) = self._steps[side], self._data[side]
        model, loss_fn, optimizer = self._model, self._loss_fn, self._optimizer
        for group in optimizer.param_groups:
            group.update(optimizer_options(self._settings, side), lr=0.0)
        train_step(model, loss_fn, optimizer, inputs, targets)
        synchronize(self._device)
        began = self._clock.read()
        for _ in range(count):
            train_step(model, loss_fn, optimizer, inputs, targets)
        synchronize(self._device)
        return self._clock.read() - began

    def counts(self, seconds: float) -> tuple[int, int]:
        """How many steps of each side take about so long. Both sides get the same number of batches: what a slice costs besides
        its steps then counts alike."""
        per_batch = 0.0
        for side in (0, 1):
            self.time(side, 3)
            per_batch += self.time(side, 5) / 5 / self.batches[side] / 2
        batches = seconds / max(per_batch, 1e-7)
        return max(1, round(batches / self.batches[0])), max(1, round(batches / self.batches[1]))


def probe_times(training: Training, journal: Journal) -> None:
    """Time both policies of the run and record the slices in the journal. Raises ``journal.Stopped``."""
    clock = clock_for(training.device)
    steps = ScratchSteps(training, clock)
    slice_seconds = SLICE_SECONDS * clock.threads
    counts = steps.counts(slice_seconds)
    block_seconds = 4 * max(slice_seconds, steps.time(0, counts[0]))
    most_blocks = min(BLOCKS[1], max(BLOCKS[0], math.ceil(BUDGET_SECONDS * clock.threads / block_seconds)))
    wall_seconds = 0.0
    for block in range(1, most_blocks + 1):
        wall_began = time.perf_counter()
        # After a wait the first steps are slower, so some are taken untimed, and the sides take turns in being first.
        for side in (0, 1):
            steps.time(side, counts[side] // 10)
        for side in ORDER if block % 2 else ORDER[2:] + ORDER[:2]:
            seconds = steps.time(side, counts[side])
            # Per batch, so that a policy that takes k batches per step is compared over the same samples.
            seconds_per_batch = seconds / counts[side] / steps.batches[side]
            journal.time_slice(
                block=block, side=side, seconds_per_batch=seconds_per_batch, clock=clock.number, load=load_per_core()
            )
        wall_seconds += time.perf_counter() - wall_began
        journal.breathe()
        if block >= BLOCKS[0] and wall_seconds > LONGEST_SECONDS:
            break
