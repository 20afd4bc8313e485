"""The training loop: prepare, then for every batch one step of the policy, and hand the loss to the journal.

``optimizer.zero_grad()`` is in the policies (gradtui/policies.py); everything else is the same for both variants: the
weights, the batches, their order, the random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradtui.policies import POLICIES, Policy
from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.experiments import Data, Split
from gradtui.training.gradients import GradientProbe, measured_steps
from gradtui.training.journal import Journal

WINDOW_BYTES = 32 * 1024 * 1024
"""Shuffled samples are gathered so much at a time: one gather for many small batches, little memory for large ones."""


@dataclass(frozen=True)
class Training:
    """All that one variant trains with."""

    settings: RunSettings
    policy: Policy
    data: Data
    model: nn.Module
    loss_fn: nn.Module
    optimizer: torch.optim.Optimizer


def warm_up() -> None:
    """Take one step of nothing, so that what torch imports and starts with its first step is there before a run is."""
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()


def rehearse(training: Training) -> None:
    """One forward and backward pass of a copy, so that the first step's time is a step's: threads, kernels are there."""
    copy = deepcopy(training.model)
    inputs, targets = training.data.train.inputs, training.data.train.targets
    size = training.settings.batch_size
    random_state = torch.get_rng_state()
    training.loss_fn(copy(inputs[:size]), targets[:size]).backward()
    torch.set_rng_state(random_state)


def prepare(settings: RunSettings, side: int, device: torch.device) -> Training:
    """The data, the model and the optimizer of one side (0 left, 1 right), on the device."""
    experiment = experiments.load(settings.experiment)
    torch.manual_seed(settings.seed)
    data = experiment.data(settings)
    model = experiment.model(settings)
    if settings.init == "independent" and side == 1:
        model = experiment.model(settings)  # drawn after the left side's, as in a script that makes one, then the other
    model.to(device)
    torch.manual_seed(settings.seed)  # from here on both sides draw the same numbers
    optimizer_class = getattr(torch.optim, settings.optimizer)
    optimizer = optimizer_class(model.parameters(), lr=settings.lr, **settings.optimizer_options)
    return Training(
        settings=settings,
        policy=POLICIES[(settings.left, settings.right)[side]],
        data=Data(_on(device, data.train), _on(device, data.test) if data.test else None),
        model=model,
        loss_fn=experiment.loss_fn,
        optimizer=optimizer,
    )


def _on(device: torch.device, split: Split) -> Split:
    return Split(split.inputs.to(device), split.targets.to(device))


def train(training: Training, journal: Journal) -> None:
    """Train to the end of the last epoch. Raises ``journal.Stopped`` when the run is stopped before."""
    settings, data = training.settings, training.data
    model, loss_fn, optimizer = training.model, training.loss_fn, training.optimizer
    train_step = training.policy.train_step
    batches = Batches(data.train, settings.batch_size, torch.Generator().manual_seed(settings.seed))
    probe = GradientProbe(model, optimizer)
    to_measure = measured_steps(settings.planned_steps)
    next_measured = next(to_measure)
    step = 0

    journal.begin()
    for epoch in range(1, settings.epochs + 1):
        for inputs, targets in batches:
            step += 1
            if step == next_measured:
                next_measured = next(to_measure)
                with probe:
                    loss = train_step(model, loss_fn, optimizer, inputs, targets)
                journal.step(epoch, loss, probe.reading)
            else:
                loss = train_step(model, loss_fn, optimizer, inputs, targets)
                journal.step(epoch, loss)
        if data.test is not None:
            journal.epoch(epoch, *evaluate(model, loss_fn, data.test, journal))


class Batches:
    """The batches of a split, ``(inputs, targets)``; each time it is gone through is an epoch, in a new order.

    The order is drawn from ``shuffle``, on the CPU, so that it is the same on every device. The last batch may be
    smaller. Where one batch holds all samples there is no order to draw.
    """

    def __init__(self, split: Split, batch_size: int, shuffle: torch.Generator) -> None:
        self._split = split
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._only = ((split.inputs, split.targets),) if batch_size >= len(split) else None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._only) if self._only else self._shuffled()

    def _shuffled(self) -> Iterator[tuple[Tensor, Tensor]]:
        split, size = self._split, self._batch_size
        order = torch.randperm(len(split), generator=self._shuffle).to(split.inputs.device)
        batch_bytes = size * split.inputs[0].numel() * split.inputs.element_size()
        for window in order.split(size * max(1, WINDOW_BYTES // batch_bytes)):
            inputs, targets = split.inputs[window], split.targets[window]
            yield from zip(inputs.split(size), targets.split(size), strict=True)


@torch.no_grad()
def evaluate(model: nn.Module, loss_fn: nn.Module, test: Split, journal: Journal, batch_size: int = 512) -> tuple[float, float]:
    """The mean loss over ``test``, and the share of its samples whose class the model gets right."""
    model.eval()
    loss, right = torch.zeros((), device=test.inputs.device), torch.zeros((), device=test.inputs.device)
    for inputs, targets in zip(test.inputs.split(batch_size), test.targets.split(batch_size), strict=True):
        outputs = model(inputs)
        loss += loss_fn(outputs, targets) * len(inputs)
        right += (outputs.argmax(dim=1) == targets).sum()
        journal.breathe()
    model.train()
    mean_loss, accuracy = (torch.stack([loss, right]) / len(test)).tolist()
    return mean_loss, accuracy
