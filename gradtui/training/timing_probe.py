"""The timing probe: measures each policy's step time so that the difference is reliable.

Two processes that do identical work differ by a few percent for their whole lifetime, so times of the training itself
cannot be compared. Here one process alternates between both policies, in short slices in ABBA order, on one scratch copy
of the model with a learning rate of 0: the same memory, weights and batch. Both workers do this, and their measurements
are combined.
"""

from __future__ import annotations

import time

from gradtui.policies import POLICIES, TrainStep
from gradtui.training import experiments
from gradtui.training.batches import as_inputs
from gradtui.training.journal import Journal
from gradtui.training.preparation import Training, make_optimizer, placed
from gradtui.training.torch_devices import synchronize

SLICE_SECONDS = 0.015
BUDGET_SECONDS = 1.5
BLOCKS = (4, 20)
"""Minimum and maximum number of blocks of four slices; between them, as many as the budget allows."""


def probe_times(training: Training, journal: Journal) -> None:
    """Time both policies of the run and record the slices in the journal. Raises ``journal.Stopped``."""
    settings, device = training.settings, training.device
    experiment = experiments.load(settings.experiment)
    model = placed(experiment.model(settings), settings, device)
    optimizer = make_optimizer(settings, list(experiment.optimized(model, settings)))
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    batches, steps = [], []
    for side, name in enumerate(settings.policies):
        samples = settings.step_samples(side)
        inputs, targets = training.data.train.inputs[:samples], training.data.train.targets[:samples]
        batches.append((as_inputs(inputs.to(device)), targets.to(device)))
        steps.append(POLICIES[name].make(settings.k or 1))

    def timed(side: int, count: int) -> float:
        """Time ``count`` steps, in seconds, after an untimed one that puts the gradients into the policy's state."""
        train_step: TrainStep = steps[side]
        inputs, targets = batches[side]
        train_step(model, training.loss_fn, optimizer, inputs, targets)
        synchronize(device)
        began = time.perf_counter()
        for _ in range(count):
            train_step(model, training.loss_fn, optimizer, inputs, targets)
        synchronize(device)
        return time.perf_counter() - began

    counts = []
    for side in (0, 1):
        timed(side, 3)
        counts.append(max(1, round(SLICE_SECONDS / max(timed(side, 5) / 5, 1e-7))))
    block_seconds = 4 * max(SLICE_SECONDS, timed(0, counts[0]))
    blocks = min(BLOCKS[1], max(BLOCKS[0], int(BUDGET_SECONDS / block_seconds)))
    for block in range(1, blocks + 1):
        for side in (0, 1, 1, 0):
            seconds = timed(side, counts[side])
            # Per batch, so that a policy that takes k batches per step is compared over the same samples.
            seconds_per_batch = seconds / counts[side] * settings.batch_size / settings.step_samples(side)
            journal.time_slice(block, side, seconds_per_batch)
        journal.breathe()
