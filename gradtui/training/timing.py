"""The timing probe: what each policy's step takes, measured so that the difference can be believed.

Two processes that do the very same work differ by a few percent for as long as they live, so times of the training
itself cannot be compared. Here one process runs both policies in turn, in short slices in the order ABBA, on one scratch
copy of the model whose learning rate is 0: the same memory, the same weights, the same batch. Both workers do it, and
what they measured is put together.
"""

from __future__ import annotations

import time

from gradtui.policies import POLICIES, TrainStep
from gradtui.training import experiments
from gradtui.training.batches import as_inputs
from gradtui.training.devices import synchronize
from gradtui.training.journal import Journal
from gradtui.training.preparation import Training, make_optimizer

SLICE_SECONDS = 0.015
BUDGET_SECONDS = 1.5
BLOCKS = (4, 20)
"""At least so many blocks of four slices, and at most so many; between them as many as the budget allows."""


def probe_times(training: Training, journal: Journal) -> None:
    """Time both policies of the run and hand the slices to the journal. Raises ``journal.Stopped``."""
    settings, device = training.settings, training.device
    experiment = experiments.load(settings.experiment)
    model = experiment.model(settings).to(device)
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
        """The seconds of ``count`` steps, after one that is not counted: it gets the gradients into the policy's state."""
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
            # Per batch: a policy that takes k batches a step is compared over the same samples.
            seconds_per_batch = seconds / counts[side] * settings.batch_size / settings.step_samples(side)
            journal.time_slice(block, side, seconds_per_batch)
        journal.breathe()
